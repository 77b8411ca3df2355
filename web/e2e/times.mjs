// Times what people wait for in the pages of a daemon that the Go benchmark
// started, in a real browser: from the key until everything of the page has
// arrived and is decoded, as the browser itself says. One line a kind of page, as
// JSON: how many times, and the half, 95 of 100 and most of them, in milliseconds.
import { chromium } from 'playwright-core';

const base = process.env.CHARTVAULT_BASE;
const times = Number(process.env.CHARTVAULT_TIMES);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });

async function someone(name) {
	const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
	await page.goto(base + '/signin');
	await page.fill('#name', name);
	await page.fill('#password', process.env.CHARTVAULT_PASSWORD);
	await page.keyboard.press('Enter');
	await page.waitForURL(base + '/');
	return page;
}

// took does something that leads to another page, and says how long that took.
async function took(page, go) {
	await Promise.all([page.waitForEvent('load'), go()]);
	return page.evaluate(async () => {
		while (!performance.getEntriesByType('navigation')[0].loadEventEnd) await new Promise((r) => setTimeout(r, 1));
		return performance.getEntriesByType('navigation')[0].loadEventEnd;
	});
}

// turned turns to the page that waits already, and says how long it took until it
// was decoded and drawn.
const turned = (page) => page.evaluate(async () => {
	const began = performance.now();
	document.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }));
	await document.querySelector('.sheet image').decode?.();
	await new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
	return performance.now() - began;
});

function say(name, ms) {
	ms.sort((a, b) => a - b);
	const at = (p) => ms[Math.min(ms.length - 1, Math.floor(ms.length * p))];
	console.log(JSON.stringify({ name, times: ms.length, p50: at(0.5), p95: at(0.95), max: ms.at(-1) }));
}

const records = await someone('demo.records');
const lookUp = [], first = [], next = [];
for (let i = 0; i < times; i++) {
	await records.fill('#chartbox', process.env.CHARTVAULT_CHART);
	lookUp.push(await took(records, () => records.keyboard.press('Enter')));
	first.push(await took(records, () => records.locator('tbody a').first().click()));
	await records.waitForSelector('[data-ready]');
	next.push(await turned(records));
}
say('look-up', lookUp);
say('first-page', first);
say('next-page', next);

const settled = [];
await records.goto(base + '/qa');
await took(records, () => records.keyboard.press('Enter'));
for (let i = 0; i < times; i++) {
	await records.waitForSelector('form[data-ready]', { state: 'attached' });
	await records.fill('#chart', process.env.CHARTVAULT_CHART);
	await records.waitForTimeout(450); // sooner it would be a press too many
	settled.push(await records.evaluate(async () => {
		const began = performance.now(), old = document.querySelector('main');
		old.querySelector('form[data-ready] button.main').click();
		while (document.querySelector('main') === old) await new Promise((r) => setTimeout(r, 1));
		await document.querySelector('.sheet image').decode?.();
		await new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
		return performance.now() - began;
	}));
}
say('accept-to-next', settled);

for (const [who, paths] of [['demo.director', ['/', '/batches', '/batches?only=waiting', '/batches?only=unread', '/qa', '/corrections', '/requests', '/holds', '/retention', '/plans', '/automations', '/paper', '/certificates', '/emergencies', '/restrictions', '/imports', '/reports']], ['demo.auditor', ['/audit', '/health']]]) {
	const page = await someone(who);
	for (const path of paths) {
		const ms = [];
		for (let i = 0; i < Math.min(times, 40); i++) ms.push(await took(page, () => page.goto(base + path)));
		say('list' + path.replaceAll(/[/?=]/g, '-').replace(/-$/, '-today'), ms);
	}
}
await browser.close();
