// How pages and bridge talk: states come as events, what people do goes back as posts.

/** Follows a stream of states; `lost(true)` when the bridge has been away for two seconds. */
export function follow(address, show, lost) {
  let away = null;
  const events = new EventSource(address);
  events.addEventListener("state", (event) => {
    clearTimeout(away);
    away = null;
    lost(false);
    show(JSON.parse(event.data));
  });
  events.addEventListener("error", () => {
    away ??= setTimeout(() => lost(true), 2000);
    // The browser gives up after an answer that is no stream; the page must not.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => follow(address, show, lost), 2000);
  });
}

/** Posts a frame of the camera for one screen of one session. A stale one is harmless: the newer state is on its way. */
export async function postFrame(session, seq, frame) {
  const query = new URLSearchParams({ session, seq });
  await fetch(`/kiosk/frame?${query}`, { method: "POST", headers: { "content-type": "image/jpeg" }, body: frame, cache: "no-store" });
}

/** Posts what somebody did. A stale one (409) gives `undefined`: the newer state is already on its way. */
export async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
  });
  if (answer.status === 409) return undefined;
  const type = answer.headers.get("content-type") ?? "";
  const said = type.includes("json") ? await answer.json() : null;
  if (!answer.ok) throw Object.assign(new Error(`status ${answer.status}`), { status: answer.status, said });
  return said;
}
