// For staff: who waits for them, what came out, and lookups by insurance card.

import { follow, post } from "./bridge.js";
import { button, element } from "./icons.js";
import { validity } from "./validity.js";

const at = (id) => document.getElementById(id);
const both = (ja, en) => [ja, " ", element("span", { lang: "en" }, en)];
const METHODS = { pin: ["暗証番号", "PIN"], visual: ["目視確認", "visual check"], face: ["顔認証", "face"], phone: ["スマートフォンの本人確認", "phone"] };
const NOTICES = { certificateExpiresSoon: ["証明書の期限が近づいています", "certificate expires soon"], grace: ["証明書の期限切れ(資格情報のみ)", "certificate expired, eligibility only"] };
const CARD_FIELDS = [["insurerNumber", "保険者番号", true], ["symbol", "記号", false], ["number", "番号", true], ["branch", "枝番", false], ["birthdate", "生年月日 yyyyMMdd", true]];

const staff = at("staff");

/** Decisions are recorded with who took them, so a name comes first. */
function staffId() {
  const isGood = staff.value !== "" && staff.checkValidity();
  staff.parentElement.classList.toggle("wanted", !isGood);
  if (!isGood) staff.focus();
  return isGood ? staff.value : null;
}

async function decide(intent, more) {
  try {
    await post("/counter/intents", { intent, ...more });
  } catch (error) {
    alert(`送れませんでした。もう一度お試しください。 It could not be sent. (${error.message})`);
  }
}

function answer(intent, session, same) {
  const id = staffId();
  if (id) decide(intent, { session, same, staff: id });
}

const WAITING = {
  visual: {
    title: ["目視確認をお願いします", "Visual check"],
    text: ["カードの写真と、患者のお顔を見比べてください。", "Compare the photo on the card with the patient."],
    yes: ["本人です", "Same person"], no: ["本人ではありません", "Not the same"],
  },
  registration: {
    title: ["初回登録の確認をお願いします", "First registration"],
    text: ["表示の方が、目の前の患者であることを確かめてください。", "Make sure that this is the person before you."],
    yes: ["登録してよい", "Register"], no: ["違う人です", "Another person"],
  },
};

function waiting({ session, what, since, candidate }) {
  const time = element("span", { class: "small" }, clock(since));
  if (what === "registrationData") return cardForm(session, time);
  const { title, text, yes, no } = WAITING[what];
  const who = candidate ? element("p", { class: "who" }, `${candidate.name} ${candidate.insurerName ? `(${candidate.insurerName})` : ""}`) : null;
  return element("article", { class: "wait" }, element("div", {}, element("h2", {}, ...both(...title)), element("p", {}, ...both(...text)), who, time),
    button(both(...no), () => answer(what, session, false)), button(both(...yes), () => answer(what, session, true), { class: "primary" }));
}

function cardForm(session, time) {
  const fields = CARD_FIELDS.map(([name, label, isRequired]) => element("label", {}, label, element("input", { name, required: isRequired, maxlength: 40, autocomplete: "off" })));
  const send = (event) => {
    event.preventDefault();
    const given = [...new FormData(event.target)].filter(([, value]) => value !== "");
    decide("registrationData", { session, insuranceCard: Object.fromEntries(given) });
  };
  return element("article", { class: "wait" }, element("div", {}, element("h2", {}, ...both("初回登録: 保険証の記載を入力してください", "First registration: enter the insurance card")), time),
    element("form", { onsubmit: send }, ...fields, element("button", { class: "primary" }, ...both("送る", "Send"))));
}

const clock = (time) => (time ?? "").slice(11, 16);

function sign(code) {
  const { kind, mark, sign: words, en } = validity(code);
  return element("div", { class: `sign ${kind}` }, element("b", { "aria-hidden": "true" }, mark), element("span", {}, words), element("small", { lang: "en" }, en));
}

function result(row) {
  const { act, actEn } = validity(row.validity);
  const notices = row.notices.map((code) => element("p", { class: "act" }, ...both(...(NOTICES[code] ?? [code, ""]))));
  return element("article", { class: "result" }, sign(row.validity),
    element("div", {}, element("h3", {}, row.name ?? "–", row.birthdate ? ` (${row.birthdate})` : ""), element("p", {}, row.insurerName ?? ""),
      element("p", { class: "act" }, ...both(act, actEn)), ...notices,
      element("p", { class: "small" }, [clock(row.at), METHODS[row.method]?.[0], row.file ? `レセコンへ送信済み ${row.file}` : null, row.code].filter(Boolean).join(" · "))),
    button(both("確認済み", "Done"), () => decide("dismiss", { id: row.id })));
}

let shown = "";

function show(state) {
  light("reader", state.reader.ok, state.reader.ok ? `リーダー ${state.reader.names.join(", ")}` : "リーダーなし No reader");
  light("engine", state.engine.ok && state.engine.clockMinutes === null, centre(state.engine));
  // A form that is being filled in stays when only something else has changed.
  const key = JSON.stringify(state.waiting);
  if (key !== shown) {
    shown = key;
    at("waiting").replaceChildren(...state.waiting.map(waiting));
  }
  const none = element("p", { class: "empty" }, ...both("まだ結果はありません。カードでの確認の結果がここに並びます。", "No results yet."));
  at("results").replaceChildren(...(state.results.length ? state.results.map(result) : [none]));
}

/** What staff can do something about comes first: dates that do not fit are mostly this machine's clock. */
function centre({ ok, code, clockMinutes }) {
  if (!ok && code === "SHK-RDR-206") return "この機械の時計、またはセンターの証明書の期限を確かめてください Check this clock";
  if (!ok) return "センターに接続できません No centre";
  if (clockMinutes !== null) return `この機械の時計が ${Math.abs(clockMinutes)} 分${clockMinutes > 0 ? "進んで" : "遅れて"}います Clock is wrong`;
  return "センター接続中";
}

function light(id, isGood, words) {
  at(id).textContent = words;
  at(id).className = isGood ? "light good" : "light";
}

// ---- lookup by insurance card ----

const FACTS = [["name", "氏名"], ["nameKana", "カナ"], ["birthdate", "生年月日"], ["insurerName", "保険者"], ["insurerNumber", "保険者番号"], ["insuredCardSymbol", "記号"],
  ["insuredIdentificationNumber", "番号"], ["insuredBranchNumber", "枝番"], ["qualificationDate", "資格取得日"], ["disqualificationDate", "資格喪失日"]];

function found(said) {
  const facts = element("dl", { class: "facts" });
  for (const [name, label] of FACTS) {
    const value = said.eligibility?.[name];
    if (value) facts.append(element("dt", {}, label), element("dd", {}, value));
  }
  const { act, actEn } = validity(said.qualificationValidity);
  at("found").replaceChildren(element("article", { class: "result" }, sign(said.qualificationValidity),
    element("div", {}, element("p", { class: "act" }, ...both(said.notice?.ja ?? act, said.notice?.en ?? actEn)), facts), button(both("消す", "Clear"), () => at("found").replaceChildren())));
}

function refused(error) {
  const said = error.said ?? {};
  const lines = (said.fields ?? []).map((field) => `${field.field}: ${field.ja ?? field.code}`);
  if (!lines.length) lines.push(said.detail?.ja ?? "センターから回答がありません。 No answer from the centre.");
  at("found").replaceChildren(element("div", { class: "panel" }, ...lines.map((line) => element("p", { class: "act" }, line)), element("p", { class: "small" }, said.code ?? "")));
}

at("lookup").addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== ""));
  question.limitApplicationCertificateConsent = event.target.limitApplicationCertificateConsent.checked;
  try {
    found(await post("/counter/lookups", question));
  } catch (error) {
    refused(error);
  }
});

follow("/counter/events", show, (isLost) => isLost && light("engine", false, "この画面は機械とつながっていません Not connected"));
