// The home's frame on another site's page: browsers keep our cookie from it until the person allows it here.
// Loaded by household/glance.html while nobody is signed in there. See the Storage Access API.
"use strict";

const tried = new URLSearchParams(location.search).has("again");

async function show() {
  await document.requestStorageAccess();
  location.replace("/glance?again=1");
}

document.addEventListener("DOMContentLoaded", async () => {
  const button = document.querySelector("[data-allow]");
  if (!button || tried || window.top === window || !document.requestStorageAccess) return;
  button.hidden = false;
  button.addEventListener("click", () => show().catch(() => { button.hidden = true; }));
  try {
    const permission = await navigator.permissions.query({ name: "storage-access" });
    if (permission.state === "granted") await show();
  } catch { /* this browser asks only after a click */ }
});
