// Runs before the first paint so that a chosen theme does not flash. Everything else is in app.js.
try {
  const theme = localStorage.getItem("quietgrid-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* storage is off: follow the system */ }
