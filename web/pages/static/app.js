// The keys of the pages. An element says its key: data-key="j", "Enter", or
// "g b" for two after each other. A link or button is pressed, a field gets the
// focus. Keys do nothing while somebody types, and can be switched off.
"use strict";
(() => {
	const typing = (t) => t instanceof HTMLElement && (t.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(t.tagName));
	// Keys that the user chose stand in for those the pages come with.
	const own = JSON.parse(document.body.dataset.own ?? "{}");
	const rename = (part) => {
		for (const el of part.querySelectorAll("[data-key]")) if (own[el.dataset.key]) el.dataset.key = own[el.dataset.key];
		for (const el of part.querySelectorAll("kbd")) if (own[el.textContent] && !el.closest("[data-fixed]")) el.textContent = own[el.textContent];
	};
	rename(document);
	let before = "", at = 0;
	document.addEventListener("keydown", (e) => {
		if (e.ctrlKey || e.metaKey || e.altKey || document.body.dataset.nokeys || palette.open) return;
		if (e.key === "Escape" && typing(e.target)) { e.target.blur(); return; }
		if (typing(e.target) || e.key === "Enter" && e.target instanceof HTMLElement && /^(A|BUTTON|SUMMARY)$/.test(e.target.tagName)) return;
		const now = performance.now();
		const key = before && now - at < 1000 ? before + " " + e.key : e.key;
		before = e.key === "g" ? "g" : "";
		at = now;
		if (walk(key)) { e.preventDefault(); return; }
		for (const el of document.querySelectorAll("[data-key]")) {
			if (el.dataset.key !== key || waits.contains(el)) continue;
			e.preventDefault();
			press(el);
			return;
		}
	});
	// Ctrl+K lists whatever can be gone to or done from here, to be chosen by some
	// letters of its name; a chart number typed there opens the chart.
	const palette = document.createElement("dialog"), wish = document.createElement("input"), choices = document.createElement("ul");
	palette.className = "palette";
	palette.setAttribute("aria-label", "Go somewhere, or do something");
	for (const [k, v] of [["id", "wish"], ["role", "combobox"], ["aria-expanded", "true"], ["aria-controls", "choices"], ["aria-label", "Some letters of its name, or a chart number"], ["autocomplete", "off"]]) wish.setAttribute(k, v);
	choices.id = "choices";
	choices.setAttribute("role", "listbox");
	choices.setAttribute("aria-label", "What there is");
	palette.append(wish, choices);
	document.body.append(palette);
	const plain = (el) => { const c = el.cloneNode(true); for (const k of c.querySelectorAll("kbd")) k.remove(); return c.textContent.trim().replace(/\s+/g, " "); };
	const nameOf = (el) => /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) ? plain(el.labels?.[0] ?? el) : plain(el);
	const press = (el) => { if (/^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName)) { el.focus(); el.select?.(); } else el.click(); };
	let offered = [], chosen = 0;
	const choose = (i) => {
		chosen = Math.max(0, Math.min(offered.length - 1, i));
		[...choices.children].forEach((li, k) => li.setAttribute("aria-selected", String(k === chosen)));
		choices.children[chosen]?.scrollIntoView({ block: "nearest" });
		if (offered.length) wish.setAttribute("aria-activedescendant", "choice" + chosen); else wish.removeAttribute("aria-activedescendant");
	};
	const take = () => { const act = offered[chosen]?.act; if (!act) return; palette.close(); act(); };
	const offer = () => {
		const words = wish.value.toLowerCase().split(/\s+/).filter(Boolean), box = document.getElementById("chartbox");
		const reach = [...document.querySelectorAll("nav[aria-label=Pages] a, main [data-key], main a.main, main button, main summary, .out a")].filter((el) => !waits.contains(el) && (el.checkVisibility?.() ?? true));
		offered = reach.map((el) => ({ name: nameOf(el), key: el.dataset.key ?? "", act: () => press(el) })).filter((o) => o.name && words.every((w) => o.name.toLowerCase().includes(w)));
		if (box && /^[\w-]*\d[\w-]*$/.test(wish.value.trim())) offered.unshift({ name: "Open this chart", key: "", act: () => { box.value = wish.value.trim(); box.form.requestSubmit(); } });
		choices.replaceChildren(...offered.map((o, i) => {
			const li = document.createElement("li"), k = document.createElement("kbd");
			li.id = "choice" + i;
			li.setAttribute("role", "option");
			li.textContent = o.name + " ";
			if (o.key) { k.textContent = o.key; li.append(k); }
			li.addEventListener("click", () => { choose(i); take(); });
			return li;
		}));
		choose(0);
	};
	wish.addEventListener("input", offer);
	wish.addEventListener("keydown", (e) => {
		const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
		if (!step && e.key !== "Enter") return;
		e.preventDefault();
		if (step) choose(chosen + step); else take();
	});
	document.addEventListener("keydown", (e) => {
		if (e.key !== "k" || !e.ctrlKey && !e.metaKey || e.altKey || e.shiftKey || document.body.dataset.nokeys) return;
		e.preventDefault();
		if (palette.open) { palette.close(); return; }
		wish.value = "";
		palette.showModal();
		offer();
	});
	palette.addEventListener("close", () => { wish.value = ""; choices.replaceChildren(); }); // a chart number does not stay
	// In a list the same keys that turn pages go from row to row; past its last row j
	// goes to the next part, where there is one.
	const walk = (key) => {
		const links = [...document.querySelectorAll("table.rows tbody tr")].map((tr) => tr.querySelector("a")).filter(Boolean);
		const step = { [own.j ?? "j"]: 1, [own.k ?? "k"]: -1 }[key], i = links.indexOf(document.activeElement) + (step ?? 0);
		if (!step || !links[Math.max(0, i)]) return false;
		links[Math.max(0, i)].focus();
		return true;
	};
	// Security keys: what is asked of one, and its answer in the form.
	const can = window.PublicKeyCredential?.parseRequestOptionsFromJSON && navigator.credentials;
	for (const b of can ? document.querySelectorAll("[data-ask]") : []) {
		b.hidden = false;
		document.getElementById("nokey")?.remove();
		b.addEventListener("click", async () => {
			const options = JSON.parse(b.dataset.options), form = b.form;
			if (!form.reportValidity()) return;
			try {
				const answer = b.dataset.ask === "create" ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }) : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
				form.elements.key.value = JSON.stringify(answer.toJSON());
				form.submit();
			} catch { b.textContent = "The key did not answer; try again"; }
		});
	}
	// Pages larger, smaller and turned, for this showing only; and printed.
	const viewer = (main) => {
		const sheets = [...main.querySelectorAll(".sheet svg")], tools = main.querySelector(".tools");
		let size = 100, turns = 0;
		const look = {
			in: () => { size = Math.min(400, size + 25); }, out: () => { size = Math.max(50, size - 25); }, turn: () => { turns = (turns + 1) % 4; }, print: () => window.print(),
		};
		const shape0 = sheets.map((s) => s.getAttribute("viewBox").split(" ").map(Number));
		const arrange = () => sheets.forEach((s, i) => {
			const [, , w, h] = shape0[i], side = turns % 2 === 1;
			s.setAttribute("viewBox", side ? `0 0 ${h} ${w}` : `0 0 ${w} ${h}`);
			const turned = ["", `translate(${h} 0) rotate(90)`, `translate(${w} ${h}) rotate(180)`, `translate(0 ${w}) rotate(270)`][turns];
			for (const c of s.children) c.setAttribute("transform", turned);
			s.style.width = size + "%";
			s.style.maxHeight = size > 100 ? "none" : "";
		});
		if (sheets.length && tools) {
			tools.hidden = false;
			for (const b of tools.querySelectorAll("[data-look]")) b.addEventListener("click", () => { look[b.dataset.look](); if (b.dataset.look !== "print") arrange(); });
		}
	};
	viewer(document);
	// The next page is asked for while this one is looked at, which is an entry of the
	// log of its own, and waits hidden until it is turned to.
	const waits = document.createElement("div");
	waits.hidden = true;
	document.body.append(waits);
	const prepare = () => {
		waits.replaceChildren();
		const link = document.querySelector("[data-ahead]");
		if (!link) return;
		const asked = new XMLHttpRequest();
		asked.responseType = "document";
		asked.open("GET", link.dataset.ahead);
		asked.addEventListener("load", () => {
			const main = asked.status === 200 ? asked.response?.querySelector("main") : null, image = main?.querySelector(".sheet image");
			if (!image || !link.isConnected) return;
			rename(main);
			image.addEventListener("load", () => { link.dataset.ready = asked.responseURL.replace(/ahead=1&?/, "").replace(/[?&]$/, ""); });
			waits.replaceChildren(document.adoptNode(main));
			setTimeout(() => { if (waits.contains(main)) drop(); }, 180000); // whoever comes back later asks again
		});
		asked.send();
	};
	const drop = () => { waits.replaceChildren(); delete document.querySelector("[data-ready]")?.dataset.ready; };
	document.addEventListener("visibilitychange", () => { if (document.hidden) drop(); });
	let shown = location.pathname + location.search, turned = -1000;
	document.addEventListener("click", (e) => {
		const link = e.target.closest?.("a[data-ahead]"), main = waits.querySelector("main");
		if (!link?.dataset.ready || !main || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
		e.preventDefault();
		turn(main, link.href);
	});
	const turn = (main, to) => {
		document.querySelector("main").replaceWith(main);
		turned = performance.now();
		history.pushState(null, "", to);
		shown = location.pathname + location.search;
		viewer(main);
		scrollTo(0, 0);
		(main.querySelector("[autofocus]") ?? main).focus({ preventScroll: true });
		prepare();
	};
	// A question that is settled makes room for the one that waits, once the archive has
	// taken it. What it does not take is sent as any form, which shows why.
	let sending = false;
	document.addEventListener("keydown", (e) => { if (e.key === "Enter" && e.repeat) e.preventDefault(); }, true);
	document.addEventListener("submit", async (e) => {
		const form = e.target, main = waits.querySelector("main"), to = form.dataset.ready;
		if (!form.dataset.ahead) return;
		// A press too many is no answer to a question that nobody has seen yet.
		if (sending || performance.now() - turned < 400) { e.preventDefault(); return; }
		if (!to || !main) return;
		e.preventDefault();
		sending = true;
		const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" }).catch(() => null);
		sending = false;
		if (answer?.type === "opaqueredirect") turn(main, to); else form.submit();
	});
	addEventListener("popstate", () => { if (shown !== location.pathname + location.search) location.reload(); });
	addEventListener("load", () => setTimeout(prepare));
	// A list that changes by itself while somebody looks at it: its cells, and a word
	// about what is new. What it is told does not count as somebody at the desk.
	const live = document.querySelector("[data-now]"), news = document.getElementById("news");
	const refresh = (rows) => {
		const fresh = Object.keys(rows).filter((id) => !document.querySelector(`[data-id="${id}"]`)).length;
		for (const tr of live.querySelectorAll("[data-id]")) {
			const cells = [...tr.cells].slice(-(rows[tr.dataset.id]?.length ?? 0));
			rows[tr.dataset.id]?.forEach((text, i) => { if (cells[i].textContent !== text) cells[i].textContent = text; });
		}
		if (!fresh || news.dataset.fresh === String(fresh)) return;
		news.dataset.fresh = fresh;
		const a = document.createElement("a");
		a.href = location.pathname + location.search;
		a.textContent = fresh === 1 ? "1 new batch: show it" : `${fresh} new batches: show them`;
		news.replaceChildren(a);
	};
	if (live && news) {
		let told = null; // one connection, and none while nobody looks: a browser has six
		const watch = () => {
			if (document.hidden) { told?.close(); told = null; return; }
			if (told) return;
			told = new EventSource(live.dataset.now);
			told.addEventListener("message", (e) => refresh(JSON.parse(e.data)));
			told.addEventListener("error", () => { if (told?.readyState === EventSource.CLOSED) news.textContent = "This list is not kept up to date any more: load it again."; });
		};
		document.addEventListener("visibilitychange", watch);
		addEventListener("pagehide", () => { told?.close(); told = null; });
		watch();
	}
	// Boxes drawn on a page, in its pixels, go into the field "boxes".
	const boxes = document.getElementById("boxes"), sheet = document.querySelector(".sheet svg");
	if (boxes && sheet) {
		document.body.classList.add("drawing");
		const at = (e) => new DOMPoint(e.clientX, e.clientY).matrixTransform(sheet.getScreenCTM().inverse());
		let rect = null, from = null;
		const drawn = () => [...sheet.querySelectorAll("rect.new")].map((r) => ["x", "y", "width", "height"].map((k) => Math.round(+r.getAttribute(k)))).map(([x, y, w, h]) => [x, y, x + w, y + h].join(",")).join(";");
		const shape = (p) => { const x = Math.max(0, Math.min(from.x, p.x)), y = Math.max(0, Math.min(from.y, p.y)); for (const [k, v] of [["x", x], ["y", y], ["width", Math.max(from.x, p.x) - x], ["height", Math.max(from.y, p.y) - y]]) rect.setAttribute(k, v); };
		sheet.addEventListener("pointerdown", (e) => { e.preventDefault(); from = at(e); rect = document.createElementNS("http://www.w3.org/2000/svg", "rect"); rect.setAttribute("class", "new"); sheet.append(rect); sheet.setPointerCapture(e.pointerId); });
		sheet.addEventListener("pointermove", (e) => { if (rect) shape(at(e)); });
		sheet.addEventListener("pointerup", (e) => { if (!rect) return; shape(at(e)); if (+rect.getAttribute("width") < 3 || +rect.getAttribute("height") < 3) rect.remove(); rect = null; boxes.value = drawn(); });
	}
	// Kept for this window only, and cleared when somebody signs out.
	const set = (no) => { if (no) { document.body.dataset.nokeys = "1"; sessionStorage.setItem("nokeys", "1"); } else { delete document.body.dataset.nokeys; sessionStorage.removeItem("nokeys"); } };
	set(sessionStorage.getItem("nokeys") === "1");
	const off = document.getElementById("nokeys");
	if (off) { off.checked = !!document.body.dataset.nokeys; off.addEventListener("change", () => set(off.checked)); }
})();
