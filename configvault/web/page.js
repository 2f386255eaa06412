// What a page can do more where scripts run: copy a command, count down, hear of news. Everything works without it.
"use strict";

for (const command of document.querySelectorAll("pre.command")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = document.body.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = document.body.dataset.copied;
  });
  command.after(button);
}

for (const time of document.querySelectorAll("time[data-countdown]")) {
  const shown = time.nextElementSibling;
  const until = Date.parse(time.dateTime);
  const tick = () => {
    const left = Math.max(0, Math.round((until - Date.now()) / 1000));
    shown.textContent = `(${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")})`;
    if (left > 0) setTimeout(tick, 1000);
  };
  if (shown && until) tick();
}

const news = document.getElementById("news");
if (news && window.EventSource) {
  let first = null;
  const events = new EventSource("/events");
  events.addEventListener("message", (event) => {
    first = first ?? event.data;
    if (event.data !== first) {
      news.hidden = false;
      events.close();
    }
  });
  addEventListener("pagehide", () => events.close());
}
