// Whether everything that a counter needs is there, and what to do where it is not.

import { element } from "./icons.js";

const CHECKS = {
  reader: ["カードリーダー", "Card reader", "USB を差し直してください。pcscd が動いているか確かめてください。", "Reconnect it; is pcscd running?"],
  card: ["リーダー上のカード", "Cards on readers", "リーダーを確かめてください。", "Check the reader."],
  engine: ["センターとの通信", "Connection to the centre", "ネットワークと設定 [engine] を確かめてください。", "Check the network and [engine] in the configuration."],
  cardService: ["カードによる確認", "Card service", "センターの運用者にコードを伝えてください。", "Tell the operator of the centre this code."],
  faceService: ["センターでの顔照合", "Comparison of faces at the centre", "センターの運用者にコードを伝えるか、設定 [face] を外してください。", "Tell the operator of the centre this code, or leave [face] out."],
  clock: ["この機械の時計", "This machine's clock", "時刻合わせ(NTP)を確かめてください。センターの時計とのずれです。", "Check time synchronisation; this is the distance from the centre's clock."],
  certificate: ["施設の証明書", "Facility's certificate", "期限までに更新してください。", "Renew it before it ends."],
  folder: ["レセコン用フォルダー", "Receipt computer's folder", "フォルダーの場所と権限を確かめてください。", "Check the folder and its permissions."],
};
const at = (id) => document.getElementById(id);

function row({ name, ok, detail, days }) {
  const [label, en, act, actEn] = CHECKS[name] ?? [name, "", "", ""];
  const found = [detail, days === undefined ? null : `残り ${days} 日 days left`].filter(Boolean).join(" · ");
  return element("tr", {}, element("td", {}, label, " ", element("small", { lang: "en" }, en)),
    element("td", {}, element("span", { class: ok ? "light good" : "light" }, ok ? "良好 OK" : "要確認 Look"), " ", found),
    element("td", {}, ...(ok ? [] : [act, " ", element("small", { lang: "en" }, actEn)])));
}

async function test() {
  at("busy").hidden = false;
  at("busy").textContent = "点検しています Checking …";
  at("checks").replaceChildren();
  try {
    const answer = await fetch("/self-test.json", { cache: "no-store" });
    const { checks } = await answer.json();
    at("checks").replaceChildren(...checks.map(row));
    at("busy").hidden = true;
  } catch {
    at("busy").textContent = "点検できませんでした。プログラムが動いているか確かめてください。 The program does not answer.";
  }
}

at("again").addEventListener("click", test);
test();
