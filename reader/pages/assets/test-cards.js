// Demonstrations without hardware: puts synthetic cards onto the virtual reader.

import { post } from "./bridge.js";
import { button, element } from "./icons.js";

/** Kinds of cards (`Profile::NAMES`): name and what one can see with it. */
const PROFILES = {
  "adult": ["大人", "Adult", "6つの手順がすべて進みます", "all six steps"],
  "child": ["子ども", "Child", "署名用証明書のないカード", "no certificate for signing"],
  "renewed": ["更新後のカード", "Renewed", "新しい証明書で登録し直します", "the new certificate is registered again"],
  "expires-soon": ["期限が近い", "Expires soon", "更新のお知らせが出ます", "a reminder to renew"],
  "in-grace": ["期限切れ(猶予中)", "In grace", "資格の確認だけができます", "eligibility only"],
  "expired": ["期限切れ", "Expired", "使えない理由と行き先が出ます", "why, and where to go"],
  "not-yet-valid": ["開始前", "Not yet valid", "まだ使えません", "cannot be used yet"],
  "revoked": ["失効", "Revoked", "失効のお知らせが出ます", "the centre refuses it"],
  "pin-blocked": ["暗証番号ロック", "PIN blocked", "顔認証か目視確認に進めます", "goes on with the face or a check by staff"],
  "face-only": ["顔認証カード", "Without PIN", "顔認証か目視確認で進みます", "goes on with the face or a check by staff"],
  "android": ["スマートフォン (Android)", "Phone (Android)", "暗証番号で進みます", "goes on with the PIN"],
  "iphone": ["スマートフォン (iPhone)", "Phone (iPhone)", "本人確認済みなので、暗証番号なしで進みます", "has recognised its owner: no PIN"],
  "iphone-locked": ["スマートフォン (iPhone・未認証)", "Phone (iPhone, locked)", "スマートフォンでの本人確認をお願いします", "asks to unlock the phone"],
  "foreign-card": ["別の種類のカード", "Another kind of card", "マイナンバーカードではありません", "not a My Number Card"],
  "foreign-authority": ["知らない認証局", "Unknown authority", "確認できません", "cannot be verified"],
  "same-name-other-key": ["同じ名前の別の認証局", "Same name, other key", "確認できません", "cannot be verified"],
  "forged-signature": ["偽の署名", "Forged signature", "確認できません", "cannot be verified"],
  "wrong-purpose": ["用途の違う証明書", "Wrong purpose", "確認できません", "cannot be verified"],
  "wrong-policy": ["ポリシーの違う証明書", "Wrong policy", "確認できません", "cannot be verified"],
  "unknown-critical": ["未知の重要拡張", "Unknown critical extension", "確認できません", "cannot be verified"],
  "huge": ["大きすぎる証明書", "Huge certificate", "読めません", "cannot be read"],
  "truncated": ["途中で切れた証明書", "Truncated certificate", "読めません", "cannot be read"],
  "altered": ["書き換えられた証明書", "Altered certificate", "確認できません", "cannot be verified"],
  "garbage": ["壊れた証明書", "Garbage", "読めません", "cannot be read"],
  "mute": ["応答しないカード", "Mute", "読めません", "cannot be read"],
  "one-byte-answers": ["短い応答", "One-byte answers", "カードが外れた扱いになります", "counts as removed"],
  "empty-answers": ["空の応答", "Empty answers", "カードが外れた扱いになります", "counts as removed"],
  "gone-while-reading": ["読み取り中に外れる", "Gone while reading", "置き直しをお願いします", "asks to place it again"],
  "gone-while-signing": ["署名中に外れる", "Gone while signing", "置き直しをお願いします", "asks to place it again"],
};
const at = (id) => document.getElementById(id);

function card({ id, profile, name, birthdate, pin, cardFace, faceSeed, inserted }) {
  const [ja, en, shows, showsEn] = PROFILES[profile];
  return button([element("b", {}, name), element("span", {}, ja, " ", element("span", { lang: "en" }, en)),
    element("span", {}, shows, " ", element("span", { lang: "en", class: "small" }, showsEn)),
    element("span", { class: "small" }, `暗証番号 PIN ${pin} · 生年月日 ${birthdate} · 有効期限 ${cardFace.expiryYear} · コード ${cardFace.securityCode} · 顔 face ${faceSeed ?? "–"}`)],
  () => act("/test-cards/insert", { id }), { class: "testcard", "aria-pressed": inserted });
}

async function list() {
  const answer = await fetch("/test-cards/list", { cache: "no-store" });
  at("cards").replaceChildren(...(await answer.json()).map(card));
}

async function act(address, body) {
  at("trouble").textContent = "";
  try {
    if (await post(address, body) === undefined) throw new Error("refused");
  } catch {
    at("trouble").textContent = "カードを動かせませんでした。もう一度お試しください。 It did not work; try again.";
  }
  await list();
}

at("remove").addEventListener("click", () => act("/test-cards/remove", {}));
list();
