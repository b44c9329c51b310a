// The patient's screen: six steps, one state at a time, everything wiped with the session.

import { post, postFrame, follow } from "./bridge.js";
import { startCamera } from "./camera.js";
import { button, element, icon } from "./icons.js";
import { FIRST, LANGUAGES, message } from "./languages.js";

const PIN_DIGITS = 4;
const WARNING_SECONDS = 15;
/** Screens on which the patient can still stop. */
const CAN_CANCEL = new Set(["chooseMethod", "enterPin", "wrongPin", "lastTryConfirm", "pinBlocked", "visualWaiting", "faceNumber", "faceCamera",
  "faceUnknown", "cameraRefused", "cameraTrouble", "faceTrouble", "photoUnusable", "registerOffer", "registerConfirm", "registerWaitingStaff",
  "consentMedical", "consentProvide"]);
/** Screens that can be left for another way to be recognised. */
const HAS_OTHER_WAY = new Set(["faceNumber", "faceCamera"]);
const ICONS = {
  noReader: "lost", empty: "place", reading: "wait", chooseMethod: "card", enterPin: "pin", wrongPin: "pin", lastTryConfirm: "stop",
  pinBlocked: "stop", visualWaiting: "visual", faceNumber: "card", faceCamera: "face", faceUnknown: "person", cameraRefused: "noCamera",
  cameraTrouble: "noCamera", faceTrouble: "noCamera", photoUnusable: "card", checking: "wait", registerOffer: "heart", registerConfirm: "person",
  registerWaitingStaff: "visual", registered: "done", consentMedical: "heart", consentProvide: "share", done: "done", readerBusy: "wait",
  engineDown: "lost", phoneLocked: "phone", timedOut: "wait", cancelled: "card", notFound: "person", offline: "lost",
};
/** Screens that wait for the next patient. */
const AT_REST = new Set(["empty", "noReader"]);
/** A first registration belongs to the identification, whatever it needs in between. */
const IDENTIFYING = new Set(["registerOffer", "registerConfirm", "registerWaitingStaff", "registered"]);
/** 資格有効性 with which a patient can go on: valid, or valid with a ticket that the counter looks at. */
const COVERED = new Set(["1", "6"]);
const WORKING = new Set(["reading", "checking", "visualWaiting", "registerWaitingStaff", "readerBusy"]);

let state = { seq: 0, screen: "reading", step: 1, session: null };
/** Whose choices these are: the session of the patient who was here last, until the reader is at rest. */
let patient = null;
let language = FIRST;
let digits = [];
let chosen = {};
let prescription = null;
let deadline = null;
let isLost = false;
/** The running camera, while its screen is shown. */
let camera = null;

const text = (key, values) => message(language, key, values);
const at = (id) => document.getElementById(id);

async function intend(intent, more = {}) {
  const body = { session: state.session, seq: state.seq, intent, ...more };
  try {
    await post("/kiosk/intents", body);
  } catch {
    lost(true);
  }
}

function forget() {
  digits.fill(0);
  digits = [];
  chosen = {};
  prescription = null;
}

/** The next patient finds the screen as the first one did. */
function startAfresh() {
  forget();
  patient = null;
  language = FIRST;
  for (const [name, off] of [["large", "false"], ["contrast", "false"], ["voice", "false"]]) {
    at(name).setAttribute("aria-pressed", off);
    document.documentElement.classList.remove(name);
  }
  globalThis.speechSynthesis?.cancel();
}

/** The camera runs on its own screen and on no other, however that one is left. */
function keepCamera(isWanted) {
  if (!isWanted) {
    camera?.stop();
    camera = null;
    return;
  }
  const failed = (trouble) => {
    camera = null;
    intend("cameraFailed", { trouble });
  };
  camera ??= startCamera((frame) => postFrame(state.session, state.seq, frame), failed, text("camera.picture"));
}

function show(next) {
  const isNewScreen = next.session !== state.session || next.screen !== state.screen || next.seq !== state.seq;
  // Language and type stay while the same person is there: also on the last screen, which has no session
  // any more, and from the choice before the card was placed.
  const isSomebodyElse = next.session ? next.session !== patient : AT_REST.has(next.screen);
  if (patient && isSomebodyElse) startAfresh();
  patient = next.session ?? patient;
  if (isNewScreen) forget();
  state = next;
  deadline = next.secondsLeft === null || next.secondsLeft === undefined ? null : performance.now() + next.secondsLeft * 1000;
  if (isNewScreen) draw();
  else if (state.screen === "faceCamera") guide();
  warn();
}

function lost(isSo) {
  if (isLost === isSo) return;
  isLost = isSo;
  if (isSo) forget();
  draw();
}

// ---- parts of screens ----

const big = (label, press, attributes = {}) => button(label, press, { class: "big", ...attributes });

/** Digits by touch or keyboard. A PIN is shown as dots only, and is nowhere in the document. */
function digitPad({ count, isSecret, done }) {
  const shown = element("div", { class: isSecret ? "dots" : "dots plain", role: "status" });
  for (let index = 0; index < count; index += 1) shown.append(element("i"));
  const send = button(text("send"), submit, { class: "primary", disabled: true });
  const update = () => {
    [...shown.children].forEach((place, index) => {
      place.classList.toggle("on", index < digits.length);
      if (!isSecret) place.textContent = digits[index] ?? "";
    });
    shown.setAttribute("aria-label", text("digits", { n: digits.length, count }));
    send.disabled = digits.length < count;
  };
  const press = (digit) => {
    if (digits.length < count) digits.push(digit);
    update();
  };
  function submit() {
    if (digits.length < count) return;
    const entered = digits.join("");
    digits.fill(0);
    digits = [];
    update();
    done(entered);
  }
  const erase = () => {
    digits.pop();
    update();
  };
  const pad = element("div", { class: "pad" });
  for (const digit of ["1", "2", "3", "4", "5", "6", "7", "8", "9"]) pad.append(button(digit, () => press(digit)));
  pad.append(button(text("erase"), erase, { class: "quiet" }), button("0", () => press("0")), send);
  pad.typed = (key) => {
    if (/^[0-9]$/.test(key)) press(key);
    else if (key === "Backspace") erase();
    else if (key === "Enter" && digits.length === count) submit();
    else return false;
    return true;
  };
  update();
  return element("div", { class: "pin" }, shown, pad);
}

const pinPad = () => digitPad({ count: PIN_DIGITS, isSecret: true, done: (pin) => intend("pin", { pin }) });

/** What stands on the card, one number after the other; it opens the text that the chip holds. */
const CARD_FACE = [["birthdate", 8], ["expiryYear", 4], ["securityCode", 4]];

function askCardFace(place, done, known = {}) {
  const [name, count] = CARD_FACE[Object.keys(known).length] ?? [];
  if (!name) {
    place.replaceChildren();
    done(known);
    return;
  }
  const question = element("h2", { tabindex: "-1" }, text(`face.${name}`));
  place.replaceChildren(question, digitPad({ count, isSecret: false, done: (entered) => askCardFace(place, done, { ...known, [name]: entered }) }));
  question.focus();
}

function faceNumber() {
  const place = element("div", { class: "registration" });
  askCardFace(place, (cardFace) => intend("cardFace", { cardFace }));
  return place;
}

function registration() {
  const place = element("div", { class: "registration" });
  const byCard = () => {
    at("screen").classList.add("entering");
    askCardFace(place, (cardFace) => intend("register", { yes: true, cardFace }));
  };
  place.append(element("div", { class: "choices" },
    state.canRegisterByCard ? big([icon("card"), element("b", {}, text("register.card"))], byCard) : null,
    big([icon("visual"), element("b", {}, text("register.staff"))], () => intend("register", { yes: true })),
    button(text("register.no"), () => intend("register", { yes: false }))));
  return place;
}

function methods() {
  const how = (method) => text(method === "face" && state.screen !== "chooseMethod" ? "method.face.again" : `method.${method}.how`);
  const drawn = state.methods.map(({ method, available, reason }) =>
    big([icon(method), element("span", {}, element("b", {}, text(`method.${method}`)), element("small", {}, available ? how(method) : text(`unavailable.${reason}`)))],
      () => intend("chooseMethod", { method }), { disabled: !available }));
  return element("div", { class: "choices" }, ...drawn);
}

/** Consents one by one. Neither nothing nor everything is urged on anyone: they look the same. */
function asked(intent) {
  const kinds = state.ask ?? [];
  const all = (is) => Object.fromEntries(kinds.map((kind) => [kind, is]));
  const give = (consents) => intend(intent, { consents, ...(state.askPrescription ? { prescriptionIssueSelect: prescription ?? 2 } : {}) });
  const list = kinds.map((kind) => {
    const node = button([element("span", { class: "tick" }), element("span", {}, element("b", {}, text(`information.${kind}`)), element("small", {}, text(`information.${kind}.what`)))],
      () => {
        chosen[kind] = !chosen[kind];
        node.setAttribute("aria-pressed", chosen[kind]);
        const isSome = kinds.some((one) => chosen[one]);
        some.disabled = !isSome;
        some.classList.toggle("primary", isSome);
      }, { class: "toggle", "aria-pressed": "false" });
    return node;
  });
  const some = button(text("give.chosen"), () => give({ ...all(false), ...chosen }), { disabled: true });
  const form = state.askPrescription ? prescriptionForm() : null;
  return element("div", { class: "asked" }, element("div", { class: "toggles" }, ...list), form,
    element("div", { class: "row" }, button(text("give.none"), () => give(all(false))), some, button(text("give.all"), () => give(all(true)))));
}

function prescriptionForm() {
  const options = [[1, "electronic"], [2, "paper"]].map(([value, name]) => {
    const option = button(text(`prescription.${name}`), () => {
      prescription = value;
      options.forEach((one) => one.setAttribute("aria-pressed", one === option));
    }, { class: "toggle", "aria-pressed": value === 2 });
    return option;
  });
  return element("div", { class: "prescription", role: "group", "aria-label": text("prescription") }, element("p", {}, text("prescription")), element("div", { class: "row" }, ...options));
}

/** A question; the answer that does no harm is the prominent one. */
const yesNo = (intent, yes, no, { isSafe }) => element("div", { class: "row" },
  button(text(no), () => intend(intent, { yes: false }), { class: isSafe ? null : "primary" }),
  button(text(yes), () => intend(intent, { yes: true }), { class: isSafe ? "primary" : null }));

/** Where the camera's advice stands; it is filled in by `guide`. */
const adviceLine = () => element("p", { class: "advice", id: "advice", role: "status" });

/** Shows what the camera lacks, or how far it has come: the same screen goes on. */
function guide() {
  const { advice, used, of } = state.camera ?? {};
  camera?.progress(used, of);
  const line = at("advice");
  if (!line) return;
  const said = advice ? text(`advice.${advice}`) : used ? text("camera.progress", { used, of }) : text("camera.looks");
  line.classList.toggle("good", !advice);
  if (line.textContent === said) return;
  line.textContent = said;
  if (advice) say(said);
}

const PARTS = {
  chooseMethod: methods,
  pinBlocked: methods,
  faceNumber,
  faceCamera: adviceLine,
  faceUnknown: methods,
  cameraRefused: methods,
  cameraTrouble: methods,
  faceTrouble: methods,
  photoUnusable: methods,
  enterPin: pinPad,
  wrongPin: pinPad,
  lastTryConfirm: () => yesNo("useLastTry", "lastTry.yes", "lastTry.no", { isSafe: false }),
  registerOffer: registration,
  registerConfirm: () => element("div", {}, element("dl", { class: "person" }, element("dt", {}, text("name")), element("dd", { lang: "ja" }, state.candidate?.name ?? ""),
    element("dt", {}, text("insurer")), element("dd", { lang: "ja" }, state.candidate?.insurerName ?? "–")), yesNo("confirmPerson", "person.yes", "person.no", { isSafe: true })),
  consentMedical: () => asked("consent"),
  consentProvide: () => asked("provide"),
};

/** What to do here; who is about to open the photograph hears first that it leaves this place. */
const lead = (screen) => text(!isLost && state.faceAtCentre ? "face.atCentre" : `screen.${screen}.do`);

function hints() {
  const lines = [];
  if (state.triesLeft !== null && state.triesLeft !== undefined && state.screen !== "pinBlocked") lines.push(["tries", text("tries", { n: state.triesLeft })]);
  if (state.validity && state.screen === "done") lines.push([state.validity === "1" ? "good" : "look", text(`validity.${state.validity}`)]);
  if (state.notice) lines.push(["look", text(`notice.${state.notice}`, { days: state.days })]);
  return lines.map(([kind, line]) => element("p", { class: `hint ${kind}` }, line));
}

// ---- the whole screen ----

function draw() {
  const screen = isLost ? "offline" : state.screen;
  const { name, lang } = LANGUAGES[language];
  document.documentElement.lang = lang;
  document.title = `${text(`screen.${screen}`)} – ${name}`;
  const now = isLost ? null : IDENTIFYING.has(screen) ? 3 : state.step;
  at("steps").replaceChildren(...[1, 2, 3, 4, 5, 6].map((step) => element("li", { class: step < now ? "past" : null, "aria-current": step === now ? "step" : null },
    element("span", {}, text(`step.${step}`)))));
  const title = element("h1", { tabindex: "-1", "aria-describedby": "lead hints" }, text(`screen.${screen}`));
  const needsStaff = screen === "done" && !COVERED.has(state.validity);
  const kind = needsStaff ? "person" : ICONS[screen] ?? "stop";
  const part = isLost ? null : PARTS[screen]?.();
  const code = !isLost && state.code ? element("p", { class: "code" }, text("code", { code: state.code })) : null;
  at("screen").className = [screen, WORKING.has(screen) ? "working" : "", kind === "stop" ? "trouble" : "", needsStaff ? "attention" : "", part ? "asking" : ""].join(" ");
  const isCamera = screen === "faceCamera";
  keepCamera(isCamera);
  at("screen").replaceChildren(element("div", { class: "picture" }, camera ? camera.node : icon(kind)),
    element("div", { class: "words" }, title, element("p", { class: "lead", id: "lead" }, lead(screen)),
      element("div", { id: "hints" }, ...(isLost ? [] : hints())), part, code));
  if (isCamera) {
    camera.resume(text("camera.picture"));
    guide();
  }
  tools();
  title.focus({ preventScroll: true });
  speak(screen);
}

function tools() {
  for (const [id, drawing] of [["large", "text"], ["contrast", "contrast"], ["voice", "speak"]]) {
    at(id).replaceChildren(icon(drawing), element("span", {}, text(`tool.${id}`)));
  }
  at("tools").setAttribute("aria-label", text("tools"));
  at("languages").replaceChildren(...Object.entries(LANGUAGES).map(([code, { name, lang }]) =>
    button(name, () => choose(code), { lang, "aria-pressed": code === language })));
  at("cancel").replaceChildren(text("cancel"));
  at("cancel").hidden = isLost || !CAN_CANCEL.has(state.screen);
  at("other").replaceChildren(text("otherWay"));
  at("other").hidden = isLost || !HAS_OTHER_WAY.has(state.screen);
}

function choose(code) {
  language = code;
  draw();
  warn();
  at("languages").querySelector("[aria-pressed=true]").focus();
}

const speak = (screen) => say(`${text(`screen.${screen}`)}。${lead(screen)}`);

/** Reads something aloud, if that is wanted, in place of what is being read. */
function say(words) {
  const voice = globalThis.speechSynthesis;
  voice?.cancel();
  if (!voice || at("voice").getAttribute("aria-pressed") !== "true") return;
  const said = new SpeechSynthesisUtterance(words);
  said.lang = LANGUAGES[language].lang;
  voice.speak(said);
}

/** Seconds are counted here between two states, and shown when they run out. */
function warn() {
  const left = deadline === null || isLost ? null : Math.max(0, Math.ceil((deadline - performance.now()) / 1000));
  const isShown = left !== null && left <= WARNING_SECONDS;
  const bar = at("warning");
  if (bar.hidden === isShown) {
    bar.hidden = !isShown;
    bar.replaceChildren(...(isShown ? [element("p", { role: "timer" }), button("", () => intend("more"), { class: "primary" })] : []));
    // Said once; a countdown that is read aloud every second would drown everything else.
    at("announced").textContent = isShown ? text("secondsLeft", { n: left }) : "";
  }
  if (!isShown) return;
  bar.firstChild.textContent = text("secondsLeft", { n: left });
  bar.lastChild.textContent = text("more");
  if (left === 0) {
    keepCamera(false);
    at("screen").replaceChildren();
  }
}

for (const id of ["large", "contrast", "voice"]) {
  at(id).addEventListener("click", () => {
    const isOn = at(id).getAttribute("aria-pressed") !== "true";
    at(id).setAttribute("aria-pressed", isOn);
    if (id === "voice") speak(isLost ? "offline" : state.screen);
    else document.documentElement.classList.toggle(id, isOn);
  });
}
at("cancel").addEventListener("click", () => intend("cancel"));
at("other").addEventListener("click", () => intend("otherWay"));
document.addEventListener("keydown", (event) => {
  const pad = document.querySelector(".pad");
  const isElsewhere = event.key === "Enter" && document.activeElement?.tagName === "BUTTON";
  if (pad && !isElsewhere && !event.ctrlKey && !event.altKey && pad.typed(event.key)) event.preventDefault();
});
setInterval(warn, 250);
draw();
follow("/kiosk/events", show, lost);
