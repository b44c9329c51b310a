// 資格有効性 (OQSCD006) for staff: a sign, and what to do.

export const VALIDITY = {
  1: { kind: "good", mark: "○", sign: "有効", en: "Valid", act: "そのまま受付できます。", actEn: "Go on." },
  2: { kind: "bad", mark: "×", sign: "無効", en: "Lost", act: "新しい資格確認書などを確認してください。", actEn: "Ask for a newer document." },
  3: { kind: "bad", mark: "×", sign: "無効・新資格あり", en: "Newer elsewhere", act: "新しい加入先があります。カードで確認し直すか、新しい書類を確認してください。", actEn: "Check again with the card, or ask for the new document." },
  4: { kind: "look", mark: "?", sign: "該当なし", en: "Nobody", act: "入力内容を確かめてください。切り替え直後は登録が間に合わないことがあります。", actEn: "Check what was entered; a new insurance may not be registered yet." },
  5: { kind: "look", mark: "?", sign: "複数該当", en: "Several", act: "枝番を入れて照会し直すか、カードで確認してください。", actEn: "Ask again with the branch number, or by card." },
  6: { kind: "look", mark: "△", sign: "有効・医療券なし", en: "No ticket", act: "医療扶助の資格はあります。今月の医療券を福祉事務所に確認してください。", actEn: "Ask the welfare office for this month's ticket." },
};

const UNANSWERED = { kind: "bad", mark: "!", sign: "回答なし", en: "No answer", act: "通信を確かめ、もう一度行ってください。", actEn: "Check the connection and try again." };

/** What a code means; without one no answer came. */
export const validity = (code) => VALIDITY[code] ?? UNANSWERED;
