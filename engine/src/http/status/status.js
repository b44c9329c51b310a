// Graphs of the engine's own /metrics: counters become rates between two readings.

const EVERY_MS = 2000;
const KEPT = 300;
const LOOKUPS = (labels) => ["v1", "oqs_json", "oqs_xml"].includes(labels.interface);

/** Lines of Prometheus' text form as {name: [{labels, value}]}. */
function parsed(text) {
  const metrics = {};
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) continue;
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(/(\w+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
    (metrics[match[1]] ??= []).push({ labels, value: Number(match[3]) });
  }
  return metrics;
}

const sum = (metrics, name, wanted = () => true) =>
  (metrics[name] ?? []).filter((sample) => wanted(sample.labels)).reduce((total, sample) => total + sample.value, 0);
const least = (metrics, name) => Math.min(...(metrics[name] ?? []).map((sample) => sample.value));

/** Growth a second between two readings; a restarted engine counts from zero. */
const rate = (now, before, name, wanted) =>
  Math.max(0, sum(now.metrics, name, wanted) - sum(before.metrics, name, wanted)) / (now.at - before.at);

/** A quantile of the lookups between two readings, in seconds, interpolated within its bucket. */
function quantile(now, before, share) {
  const name = "oqs_request_duration_seconds_bucket";
  const bounds = [...new Set((now.metrics[name] ?? []).map((sample) => sample.labels.le))]
    .map((le) => ({ le, bound: le === "+Inf" ? Infinity : Number(le) })).sort((a, b) => a.bound - b.bound);
  const counts = bounds.map(({ le }) => rate(now, before, name, (labels) => labels.le === le && LOOKUPS(labels)));
  const total = counts.at(-1);
  if (!total) return null;
  const index = counts.findIndex((count) => count >= share * total);
  const [low, high] = [index ? bounds[index - 1].bound : 0, bounds[index].bound];
  if (high === Infinity) return low;
  const below = index ? counts[index - 1] : 0;
  return low + (high - low) * ((share * total - below) / (counts[index] - below));
}

const whole = (value) => Math.round(value).toLocaleString("en");
const few = (value) => (value < 10 ? value.toFixed(1) : whole(value));
const bytes = (value) => (value >= 1e9 ? `${(value / 1e9).toFixed(1)} GB` : `${(value / 1e6).toFixed(0)} MB`);
const time = (value) => (value < 0.001 ? `${(value * 1e6).toFixed(0)} µs` : `${(value * 1e3).toFixed(1)} ms`);

const VALIDITY = ["値の誤り refused value", "1 有効 valid", "2 無効 lost", "3 新資格あり newer", "4 該当なし nobody", "5 複数 several", "6 未登録 no ticket"];
const GRAPHS = [
  { title: "回答 Answers a second", show: few,
    lines: VALIDITY.map((name, code) => [name, (n, b) => rate(n, b, "oqs_answers_total", (l) => l.validity === String(code))]) },
  { title: "応答時間 Latency of lookups", show: time,
    lines: [["p50", (n, b) => quantile(n, b, 0.5)], ["p99", (n, b) => quantile(n, b, 0.99)], ["p99.9", (n, b) => quantile(n, b, 0.999)]] },
  { title: "失敗と拒否 Failures and refusals a second", show: few,
    lines: [["失敗 failures (5xx)", (n, b) => rate(n, b, "oqs_errors_total", (l) => l.status >= "500")],
      ["拒否 refusals (4xx)", (n, b) => rate(n, b, "oqs_errors_total", (l) => l.status < "500")]] },
  { title: "CPU (cores)", show: (value) => value.toFixed(2), lines: [["使用 used", (n, b) => rate(n, b, "process_cpu_seconds_total")]] },
  { title: "メモリ Memory", show: bytes,
    lines: [["プロセス process", (n) => sum(n.metrics, "process_resident_memory_bytes")], ["キャッシュ cache", (n) => sum(n.metrics, "oqs_store_cache_bytes")], ["常駐 resident", (n) => sum(n.metrics, "oqs_store_resident_bytes")]] },
  { title: "保険者ファイル Lines of insurers' files a second", show: few,
    lines: ["added", "changed", "withdrawn", "rejected"].map((result) => [result, (n, b) => rate(n, b, "oqs_intake_lines_total", (l) => l.result === result)]) },
];

const TILES = [
  ["処理中 / 上限 In the engine", (m) => `${whole(sum(m, "oqs_questions_admitted_total") - sum(m, "oqs_questions_finished_total"))} / ${whole(sum(m, "oqs_questions_max"))}`],
  ["被保険者証 Card faces", (m) => whole(sum(m, "oqs_shard_entries"))],
  ["保険者 Insurers", (m) => whole(sum(m, "oqs_insurers"))],
  ["未反映の変更 Not yet applied", (m) => whole(sum(m, "oqs_log_head_position") - least(m, "oqs_shard_applied_position")), (m) => sum(m, "oqs_log_head_position") - least(m, "oqs_shard_applied_position") > 1000],
  ["保存先の世代 Store generation", (m) => `${whole(sum(m, "oqs_store_generation"))}${["", " 作成中 being built anew", " 切替中 taking over"][sum(m, "oqs_shadow_stage")] ?? ""}`],
  ["ディスク空き Disk left", (m) => bytes(sum(m, "oqs_store_disk_free_bytes")), (m) => sum(m, "oqs_store_disk_free_bytes") < 10e9],
  ["証明書の残り Certificate", (m) => `${whole(sum(m, "oqs_server_certificate_days"))} 日 days`, (m) => sum(m, "oqs_server_certificate_days") < 21],
  ["異常 Panics caught", (m) => whole(sum(m, "oqs_worker_panics_total")), (m) => sum(m, "oqs_worker_panics_total") > 0],
  ["書き込み障害 Store errors", (m) => whole(sum(m, "oqs_store_background_errors")), (m) => sum(m, "oqs_store_background_errors") > 0],
];

const element = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  node.append(...children);
  return node;
};
const drawn = (name, attributes, text = "") => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  node.textContent = text;
  return node;
};

/** Gives a node one of the colours of lines. */
function coloured(node, index) {
  node.style.setProperty("--colour", `var(--c${index})`);
  return node;
}

const readings = [];

function tile([name, value, isBad]) {
  const { metrics } = readings.at(-1);
  const list = element("dl", {}, element("dt", {}, name), element("dd", {}, value(metrics)));
  return element("div", { class: isBad?.(metrics) ? "tile bad" : "tile" }, list);
}

/** The least round number (1, 2, 5 times a power of ten) that is not below this. */
function rounded(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value);
}

function graph({ title, show, lines }) {
  const [width, height, left] = [560, 130, 62];
  const series = lines.map(([name, value]) => ({
    name,
    values: readings.slice(1).map((now, index) => value(now, readings[index])),
  }));
  const top = rounded(Math.max(0, ...series.flatMap(({ values }) => values).filter((value) => value !== null)));
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height + 14}`, preserveAspectRatio: "none", role: "img", "aria-label": title });
  for (const share of [0, 0.5, 1]) {
    const y = height - share * (height - 10);
    svg.append(drawn("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }));
    svg.append(drawn("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, show(share * top)));
  }
  series.forEach(({ values }, colour) => {
    let path = "";
    values.forEach((value, index) => {
      if (value === null) return;
      const x = width - (values.length - 1 - index) * ((width - left) / (KEPT - 1));
      const joined = index && values[index - 1] !== null;
      path += `${joined ? "L" : "M"}${x.toFixed(1)} ${(height - (value / top) * (height - 10)).toFixed(1)}`;
    });
    svg.append(coloured(drawn("path", { d: path || "M0 0" }), colour));
  });
  const legend = element("ul", { class: "legend" });
  series.forEach(({ name, values }, colour) => {
    const last = values.at(-1);
    legend.append(coloured(element("li", {}, `${name} ${last === null || last === undefined ? "–" : show(last)}`), colour));
  });
  return element("figure", {}, element("figcaption", {}, title), svg, legend);
}

function badge(text, kind) {
  const node = document.querySelector("#ready");
  node.textContent = text;
  node.className = `badge ${kind}`;
}

async function refresh() {
  try {
    const answer = await fetch("../metrics", { cache: "no-store", signal: AbortSignal.timeout(EVERY_MS) });
    readings.push({ at: performance.now() / 1000, metrics: parsed(await answer.text()) });
    if (readings.length > KEPT + 1) readings.shift();
    const { metrics } = readings.at(-1);
    const version = metrics.oqs_build_info?.[0]?.labels.version ?? "";
    const isReady = sum(metrics, "oqs_ready") === 1;
    badge(isReady ? `稼働中 Serving · ${version}` : "受付停止 Not ready", isReady ? "good" : "bad");
    document.querySelector("#tiles").replaceChildren(...TILES.map(tile));
    document.querySelector("#graphs").replaceChildren(...GRAPHS.map(graph));
  } catch {
    badge("応答なし No answer", "bad");
  }
  setTimeout(refresh, EVERY_MS);
}
refresh();
