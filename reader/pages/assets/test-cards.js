// Demonstrations without hardware: puts synthetic cards onto the virtual reader.

import { post } from "./bridge.js";
import { button, element } from "./icons.js";

const PROFILES = {
  adult: ["大人", "Adult"], child: ["子ども", "Child"], renewed: ["更新後のカード", "Renewed"], expiresSoon: ["期限が近い", "Expires soon"], inGrace: ["期限切れ(猶予中)", "In grace"],
  expired: ["期限切れ", "Expired"], notYetValid: ["開始前", "Not yet valid"], revoked: ["失効", "Revoked"], pinBlocked: ["暗証番号ロック", "PIN blocked"], faceOnly: ["顔認証カード", "Face only"],
  android: ["スマートフォン (Android)", "Phone (Android)"], iphone: ["スマートフォン (iPhone)", "Phone (iPhone)"], damaged: ["破損", "Damaged"],
};
const at = (id) => document.getElementById(id);
const camel = (name) => name.replace(/[-_](\w)/g, (_, letter) => letter.toUpperCase());

function card({ id, profile, name, birthdate, pin, cardFace, inserted }) {
  const [ja, en] = PROFILES[camel(profile)] ?? [profile, ""];
  return button([element("b", {}, name), element("span", {}, ja, " ", element("span", { lang: "en" }, en)),
    element("span", { class: "small" }, `暗証番号 PIN ${pin} · 生年月日 ${birthdate} · 有効期限 ${cardFace.expiryYear} · コード ${cardFace.securityCode}`)],
  () => act("/test-cards/insert", { id }), { class: "testcard", "aria-pressed": inserted });
}

async function list() {
  const answer = await fetch("/test-cards/list", { cache: "no-store" });
  at("cards").replaceChildren(...(await answer.json()).map(card));
}

async function act(address, body) {
  at("trouble").textContent = "";
  try {
    const taken = await post(address, body);
    if (taken === undefined) return;
  } catch {
    at("trouble").textContent = "カードを動かせませんでした。もう一度お試しください。 It did not work; try again.";
  }
  await list();
}

at("remove").addEventListener("click", () => act("/test-cards/remove", {}));
list();
