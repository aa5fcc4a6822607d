// Shows a message about finds, and opens the page of finds when it is pressed. It answers no request and keeps nothing.
"use strict";

self.addEventListener("push", (event) => {
  const { title, body, lang, page } = event.data.json();
  const icon = new URL("/assets/current/web/icon-192.png", self.location).href;
  // the one that is shown gives way to the next
  event.waitUntil(self.registration.showNotification(title, { body, lang, icon, data: page, tag: "finds", renotify: true }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const page = new URL(event.notification.data, self.location);
  if (page.origin === self.location.origin) event.waitUntil(self.clients.openWindow(page.href));
});
