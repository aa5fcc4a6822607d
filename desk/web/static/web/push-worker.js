// Shows push notifications about matches and opens the matches page on click. Handles no requests and caches nothing.
"use strict";

self.addEventListener("push", (event) => {
  const { title, body, lang, page } = event.data.json();
  const icon = new URL("/assets/current/web/icon-192.png", self.location).href;
  // A new notification replaces the displayed one (same tag).
  event.waitUntil(self.registration.showNotification(title, { body, lang, icon, data: page, tag: "finds", renotify: true }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const page = new URL(event.notification.data, self.location);
  if (page.origin === self.location.origin) event.waitUntil(self.clients.openWindow(page.href));
});
