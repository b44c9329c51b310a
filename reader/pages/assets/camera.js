// The patient's camera: a mirrored preview, and one frame after the other to whoever compares faces. Frames are posted
// and forgotten; nothing is drawn into the document but the live picture.

import { element } from "./icons.js";

/** Size of a frame, and how it is packed. */
const WIDTH = 640;
const HEIGHT = 480;
const QUALITY = 0.85;
/** Between two frames: at most four a second, one under way. */
const PAUSE_MS = 250;
/** Until a camera that gives no picture counts as broken. */
const PATIENCE_MS = 8000;
/** The guide in the preview, on a grid of 100 x 125: a face as kiosks want it. */
const OVAL = "M50 18a29 39 0 0 1 0 78a29 39 0 0 1 0-78z";
const OUTSIDE = `M0 0h100v125H0z${OVAL}`;

const SVG = "http://www.w3.org/2000/svg";

function path(d, attributes) {
  const node = document.createElementNS(SVG, "path");
  for (const [name, value] of Object.entries({ d, ...attributes })) node.setAttribute(name, value);
  return node;
}

/** Why there is no picture: the browser refused, there is no camera, or it does not work. */
function troubleOf(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "refused";
  return error.name === "NotFoundError" || error.name === "OverconstrainedError" ? "missing" : "broken";
}

/**
 * Starts the camera. `send(frame)` posts one, and may take its time; `failed(trouble)` is called once, if at all.
 * `node` is what to show, `progress(used, of)` draws how far it has come, `stop()` ends everything and forgets it.
 */
export function startCamera(send, failed, label) {
  const video = element("video", { autoplay: true, playsinline: true, "aria-label": label });
  video.muted = true;
  const guide = document.createElementNS(SVG, "svg");
  guide.setAttribute("viewBox", "0 0 100 125");
  guide.setAttribute("aria-hidden", "true");
  const done = path(OVAL, { class: "done", pathLength: "1" });
  guide.append(path(OUTSIDE, { class: "outside", "fill-rule": "evenodd" }), path(OVAL, { class: "oval" }), done);
  const node = element("div", { class: "preview" }, video, guide);
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d", { alpha: false });
  let stream = null;
  let isOver = false;
  let timer = null;

  function stop() {
    isOver = true;
    clearTimeout(timer);
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    node.remove();
  }

  function fail(trouble) {
    if (isOver) return;
    stop();
    failed(trouble);
  }

  /** The middle of what the camera sees, whatever its shape. */
  function draw() {
    const scale = Math.max(WIDTH / video.videoWidth, HEIGHT / video.videoHeight);
    const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
    pen.drawImage(video, (WIDTH - width) / 2, (HEIGHT - height) / 2, width, height);
  }

  async function look() {
    const begun = performance.now();
    draw();
    const frame = await new Promise((made) => canvas.toBlob(made, "image/jpeg", QUALITY));
    if (isOver) return;
    if (frame) await send(frame).catch(() => undefined);
    if (!isOver) timer = setTimeout(look, Math.max(0, PAUSE_MS - (performance.now() - begun)));
  }

  async function start() {
    if (!navigator.mediaDevices?.getUserMedia) return fail("missing");
    timer = setTimeout(() => fail("broken"), PATIENCE_MS);
    try {
      const given = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, facingMode: "user" }, audio: false });
      if (isOver) return given.getTracks().forEach((track) => track.stop());
      stream = given;
      stream.getVideoTracks()[0].addEventListener("ended", () => fail("broken"));
      video.srcObject = stream;
      await video.play();
    } catch (error) {
      return fail(troubleOf(error));
    }
    if (isOver) return undefined;
    clearTimeout(timer);
    node.classList.add("live");
    return look();
  }

  // Not before the caller has what is returned here: it may fail at once.
  queueMicrotask(start);
  return {
    node,
    stop,
    progress(used, of) {
      // Round ends would leave a dot of nothing.
      done.style.visibility = used ? "visible" : "hidden";
      done.style.strokeDasharray = `${of ? used / of : 0} 1`;
    },
    /** After the node was moved: browsers pause what leaves the document. */
    resume(name) {
      video.setAttribute("aria-label", name);
      if (stream) video.play().catch(() => undefined);
    },
  };
}
