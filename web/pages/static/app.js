// The keys of the pages. An element says its key: data-key="j", "Enter", or
// "g b" for two after each other. A link or button is pressed, a field gets the
// focus. Keys do nothing while somebody types, and can be switched off.
"use strict";
(() => {
	const typing = (t) => t instanceof HTMLElement && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName));
	let before = "", at = 0;
	document.addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey || document.body.dataset.nokeys) return;
		if (e.key === "Escape" && typing(e.target)) { e.target.blur(); return; }
		if (typing(e.target) || e.key === "Enter" && e.target instanceof HTMLElement && /^(A|BUTTON|SUMMARY)$/.test(e.target.tagName)) return;
		const now = performance.now();
		const key = before && now - at < 1000 ? before + " " + e.key : e.key;
		before = e.key === "g" ? "g" : "";
		at = now;
		for (const el of document.querySelectorAll("[data-key]")) {
			if (el.dataset.key !== key) continue;
			e.preventDefault();
			if (/^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName)) { el.focus(); el.select?.(); } else el.click();
			return;
		}
	});
	// Kept for this window only, and cleared when somebody signs out.
	const set = (no) => { if (no) { document.body.dataset.nokeys = "1"; sessionStorage.setItem("nokeys", "1"); } else { delete document.body.dataset.nokeys; sessionStorage.removeItem("nokeys"); } };
	set(sessionStorage.getItem("nokeys") === "1");
	const off = document.getElementById("nokeys");
	if (off) { off.checked = !!document.body.dataset.nokeys; off.addEventListener("change", () => set(off.checked)); }
})();
