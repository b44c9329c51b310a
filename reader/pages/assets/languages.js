// The languages of the kiosk. Every table has the same keys; a test holds them to it.

import easy from "./languages/easy.js";
import en from "./languages/en.js";
import ja from "./languages/ja.js";
import ko from "./languages/ko.js";
import pt from "./languages/pt.js";
import vi from "./languages/vi.js";
import zh from "./languages/zh.js";

/** The language in which every patient is greeted. */
export const FIRST = "ja";

/** Name in itself, tag for fonts, voices and screen readers, messages. */
export const LANGUAGES = {
  ja: { name: "日本語", lang: "ja", messages: ja },
  easy: { name: "やさしい日本語", lang: "ja", messages: easy },
  en: { name: "English", lang: "en", messages: en },
  zh: { name: "中文", lang: "zh-Hans", messages: zh },
  ko: { name: "한국어", lang: "ko", messages: ko },
  vi: { name: "Tiếng Việt", lang: "vi", messages: vi },
  pt: { name: "Português", lang: "pt", messages: pt },
};

/** The message of a key with `{name}` filled in; the key itself when it is unknown. */
export function message(language, key, values = {}) {
  const found = LANGUAGES[language].messages[key] ?? key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
