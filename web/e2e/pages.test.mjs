// Walks people's days through the pages of a daemon that the Go test started:
// CHARTVAULT_BASE is where, CHARTVAULT_SHOTS where screenshots go, if anywhere.
// The users and their password are the Go test's.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import AxeBuilder from '@axe-core/playwright';

const base = process.env.CHARTVAULT_BASE;
const shots = process.env.CHARTVAULT_SHOTS;
const password = process.env.CHARTVAULT_PASSWORD;
let browser;

before(async () => {
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});
after(() => browser.close());

// someone signs in, in a window of its own, in which nothing may go wrong:
// no error, no violated policy, no request to elsewhere.
async function someone(name, theme = 'light') {
	const ctx = await browser.newContext({ colorScheme: theme, viewport: { width: 1280, height: 900 } });
	const page = await ctx.newPage();
	const wrong = [];
	const may = [];
	page.on('console', (m) => { if (m.type() === 'error' && !may.some((w) => m.text().includes(w))) wrong.push(m.text()); });
	page.on('pageerror', (e) => wrong.push(e.message));
	page.on('request', (r) => { if (!r.url().startsWith(base + '/')) wrong.push('a request to ' + r.url()); });
	if (name) {
		await page.goto(base + '/signin');
		await page.waitForFunction(() => document.activeElement?.id === 'name'); // by itself
		await page.keyboard.type(name);
		await page.keyboard.press('Tab');
		await page.keyboard.type(password);
		await page.keyboard.press('Enter');
		await page.waitForURL(base + '/');
	}
	const end = async () => { assert.deepEqual(wrong, []); await ctx.close(); };
	// An answer that says no is an error to the console, and to be expected.
	const expects = (status) => { may.push(`status of ${status} `); };
	return { page, end, expects, theme };
}

// look wants a page to be accessible, and keeps a picture of it.
async function look({ page, theme }, name) {
	const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
	assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 90)).join(' | ')}`), [], name);
	if (shots) await page.screenshot({ path: `${shots}/${name}-${theme}.png` });
}

async function keys(page, ...all) { for (const k of all) await page.keyboard.press(k); }

for (const theme of ['light', 'dark']) {
	test(`a records technician's day, ${theme}`, async () => {
		const me = await someone('demo.records', theme);
		const { page } = me;
		await look(me, 'today');
		// A chart by its number, as a barcode gun types it.
		await keys(page, '/');
		await page.keyboard.type('9118427');
		await keys(page, 'Enter');
		await page.waitForURL(/\/chart\/[A-Z0-9]+$/);
		assert.match(await page.textContent('main'), /9118427/);
		await look(me, 'chart');
		await page.locator('tbody a').first().focus();
		await keys(page, 'Enter');
		await page.waitForURL(/\/document\//);
		await page.waitForFunction(() => document.querySelector('svg image').getBBox().width > 0);
		await look(me, 'document');
		// The next page waits already, and nothing is loaded anew to show it.
		await page.waitForSelector('[data-ready]', { state: 'attached' });
		await page.evaluate(() => { window.same = true; });
		await keys(page, 'j');
		await page.waitForURL(/page=2/);
		assert.match(await page.textContent('figcaption'), /Page 2 of 2/);
		assert.ok(await page.evaluate(() => window.same && document.activeElement.id === 'main'));
		await page.waitForFunction(() => document.querySelector('svg image').getBBox().width > 0);
		await look(me, 'document-turned');
		await keys(page, 'k');
		await page.waitForURL(/page=1/);
		await page.waitForSelector('[data-ready]', { state: 'attached' });
		await keys(page, 'j');
		await page.waitForURL(/page=2/);
		// Turned, larger, sharper, and two beside each other.
		const box = await page.getAttribute('.sheet svg', 'viewBox');
		await keys(page, 'r');
		assert.notEqual(await page.getAttribute('.sheet svg', 'viewBox'), box);
		await keys(page, 'r', 'r', 'r', '+');
		assert.equal(await page.getAttribute('.sheet svg', 'viewBox'), box);
		assert.equal(await page.evaluate(() => document.querySelector('.sheet svg').style.width), '125%');
		const [sharp] = await Promise.all([page.waitForResponse(/\/image\//), keys(page, 's')]);
		const png = await sharp.body();
		assert.ok(png.readUInt32BE(16) > 1500, 'a sharp page is ' + png.readUInt32BE(16) + ' pixels wide');
		await page.waitForURL(/sharp=1/);
		await keys(page, 'k');
		await page.waitForURL(/page=1/);
		await keys(page, '2');
		await page.waitForURL(/two=1/);
		assert.equal(await page.locator('.sheet svg').count(), 2);
		await look(me, 'two-pages');
		// A search, and the words on the page.
		await keys(page, 'g', 's');
		await page.waitForURL(/\/search$/);
		await page.waitForFunction(() => document.activeElement?.id === 'query');
		await page.keyboard.type('"lungs clear"');
		await keys(page, 'Enter');
		await page.waitForURL(/\/search\/[A-Z0-9]+$/);
		assert.match(await page.textContent('.found'), /Lungs clear/);
		await look(me, 'found');
		await page.locator('.found a').first().focus();
		await keys(page, 'Enter');
		await page.waitForURL(/\/document\//);
		assert.ok((await page.locator('.hits rect').count()) >= 2);
		await look(me, 'hit');
		for (const [key, url, name] of [['b', /batches/, 'batches'], ['t', /retention/, 'retention'], ['o', /holds/, 'holds'], ['p', /sheets/, 'sheets'], ['c', /corrections/, 'corrections'], ['e', /certificates/, 'certificates'], ['q', /qa/, 'quality']]) {
			await keys(page, 'g', key);
			await page.waitForURL(url);
			await look(me, name);
		}
		await keys(page, '?');
		await page.waitForURL(/keys/);
		await look(me, 'keys');
		await me.end();
	});
}

test('a batch is taken in hand, and everything is found by its name', async () => {
	for (const theme of ['light', 'dark']) {
		const me = await someone('demo.records', theme);
		const { page } = me;
		await page.goto(base + '/batches?only=waiting');
		await look(me, 'batches-waiting');
		await keys(page, 'j'); // to the first row
		await keys(page, 'Enter');
		await page.waitForURL(/\/batches\/[a-z2-7]{26}$/);
		const batch = page.url();
		await keys(page, 'u');
		await page.waitForSelector('h2:has-text("urgently")');
		await look(me, 'batch-urgent');
		await keys(page, 't'); // and its first question stands there
		await page.waitForURL(/\/qa\/[a-z2-7]{26}$/);
		await look(me, 'batch-question');
		const other = await someone('demo.director', theme);
		await other.page.goto(base + '/qa/next');
		assert.equal(other.page.url(), base + '/qa', 'somebody else is given a question of it');
		assert.match(await other.page.textContent('tbody'), /demo\.records/);
		await other.end();
		await Promise.all([page.waitForEvent('load'), keys(page, 'J')]); // the only one there is comes again
		await page.waitForURL(/\/qa\/[a-z2-7]{26}$/);
		// By some letters of its name.
		await keys(page, 'Control+k');
		await page.waitForFunction(() => document.activeElement?.id === 'wish');
		await page.keyboard.type('accept');
		assert.match(await page.textContent('#choices [aria-selected=true]'), /^Accept, and the next one/);
		await look(me, 'palette');
		await keys(page, 'Escape');
		await page.waitForFunction(() => !document.querySelector('dialog').open);
		await keys(page, 'Control+k');
		await page.keyboard.type('9118427');
		await keys(page, 'Enter');
		await page.waitForURL(/\/chart\//);
		assert.equal(await page.evaluate(() => document.getElementById('wish').value), '');
		await look(me, 'chart-about');
		await keys(page, 'f');
		await page.keyboard.type('lungs');
		await keys(page, 'Enter');
		await page.waitForURL(/\/search\//);
		assert.match(await page.inputValue('#query'), /^chart:9118427 lungs$/);
		await keys(page, 'Control+k');
		await page.keyboard.type('batches');
		await keys(page, 'Enter');
		await page.waitForURL(base + '/batches');
		await page.goto(batch);
		await keys(page, 't'); // it is everybody's again
		await page.waitForSelector('button:has-text("Take it")');
		await keys(page, 'u');
		await page.waitForSelector('button:has-text("It is urgent")');
		await me.end();
	}
});

test('what the machine doubts is settled by keyboard alone', async () => {
	const me = await someone('demo.records');
	const { page } = me;
	await keys(page, 'g', 'q');
	await page.waitForURL(/\/qa$/);
	await keys(page, 'Enter');
	await page.waitForURL(/\/qa\/[a-z2-7]{26}$/);
	assert.equal(await page.inputValue('#chart'), '9237654');
	await look(me, 'question');
	const other = await someone('demo.director');
	const resp = await other.page.goto(page.url());
	assert.equal(resp.status(), 409);
	await other.page.context().close();
	await keys(page, 'Enter'); // what was read is right
	await page.waitForURL(/\/qa\?last=[a-z2-7]{26}$/);
	assert.match(await page.textContent('main'), /Nothing waits/);
	await look(me, 'quality-done');
	await keys(page, 'u'); // and can be put right
	await page.waitForURL(/\/document\//);
	// Keys of one's own stand in for those the pages come with.
	await keys(page, '?');
	await page.waitForURL(/\/keys$/);
	await page.getByLabel('Your key for: next page', { exact: false }).fill('z');
	await page.locator('button:has-text("Keep these keys")').focus();
	await Promise.all([page.waitForEvent('load'), keys(page, 'Enter')]);
	assert.equal(await page.getByLabel('Your key for: next page', { exact: false }).inputValue(), 'z');
	await keys(page, '/');
	await page.keyboard.type('9118427');
	await keys(page, 'Enter');
	await page.waitForURL(/\/chart\//);
	await page.locator('tbody a').first().click();
	await page.waitForURL(/\/document\//);
	assert.equal(await page.textContent('[data-key="z"] kbd'), 'z');
	await keys(page, 'j', 'z');
	await page.waitForURL(/page=2/);
	await page.goto(base + '/keys');
	await Promise.all([page.waitForEvent('load'), page.locator('button:has-text("Take the ones")').click()]);
	assert.equal(await page.getByLabel('Your key for: next page', { exact: false }).inputValue(), '');
	await me.end();
});

test('pages are corrected, and stay accounted for', async () => {
	const me = await someone('demo.director');
	const { page } = me;
	await keys(page, '/');
	await page.keyboard.type('9118427');
	await keys(page, 'Enter');
	await page.waitForURL(/\/chart\//);
	await page.click('tbody a');
	await page.waitForURL(/\/document\//);
	await page.click('summary:has-text("Correct")');
	await page.fill('#pages', '2');
	await page.fill('#reason', 'two visits');
	await look(me, 'correct');
	await page.click('button:has-text("Correct")');
	await page.waitForURL(/\/document\//);
	assert.match(await page.textContent('figcaption'), /Page 1 of 1/);
	await keys(page, '/');
	await page.keyboard.type('9118427');
	await keys(page, 'Enter');
	await page.waitForURL(/\/chart\//);
	assert.equal(await page.locator('tbody tr').count(), 2);
	await keys(page, 'g', 'c');
	await page.waitForURL(/corrections/);
	assert.match(await page.textContent('tbody'), /split: 1 into .*done.*two visits.*user:demo.director/s);
	await look(me, 'corrected');
	// A document whole, and a sheet, as PDF.
	await page.click('tbody a');
	await page.waitForURL(/\/document\//);
	for (const [path, press] of [[null, 'button:has-text("PDF")'], ['/sheets', 'button:has-text("Print")']]) {
		if (path) { await page.goto(base + path); await page.fill('#lines', '9118427 PROGRESS_NOTE 4'); }
		const [file] = await Promise.all([page.waitForEvent('download'), page.click(press)]);
		assert.match(file.suggestedFilename(), /^[a-z2-7]+\.pdf$/);
		assert.equal(readFileSync(await file.path()).subarray(0, 5).toString(), '%PDF-');
	}
	await me.end();
});

for (const theme of ['light', 'dark']) {
	test(`a request is answered, and checked by a second person, ${theme}`, async () => {
		const me = await someone('demo.release', theme);
		const { page } = me;
		await keys(page, 'g', 'r');
		await page.waitForURL(/\/requests$/);
		await look(me, 'requests');
		await keys(page, 'n');
		await page.waitForURL(/\/requests\/new$/);
		await look(me, 'request-new');
		// By keyboard: a patient asks for the record.
		await page.focus('#charts');
		await page.keyboard.type('9237654');
		await keys(page, 'Tab');
		await page.keyboard.type('Zebra Testrequester');
		await keys(page, 'Tab');
		await page.keyboard.type('Zebra Testrequester');
		await keys(page, 'Tab');
		await page.keyboard.type('1 Sample Street');
		await page.focus('#what');
		await page.keyboard.type('the whole record');
		await keys(page, 'Enter');
		await page.waitForURL(/\/requests\/R\d{6}$/);
		const where = page.url();
		assert.match(await page.textContent('.warnings'), /verified who asks/);
		await look(me, 'request');
		await page.focus('#identity');
		await page.keyboard.type('photo identity card');
		await keys(page, 'Enter');
		await page.waitForLoadState();
		await page.focus('button[name=offer]');
		await keys(page, 'Enter');
		await page.waitForSelector('button[data-key=s]');
		// A page, on which a word is blacked out by keyboard, and a box drawn.
		await page.click('tbody a');
		await page.waitForURL(/\/pages\//);
		await page.waitForFunction(() => document.querySelector('svg image').getBBox().width > 0);
		await keys(page, 'w');
		await page.keyboard.type('chart');
		await page.focus('#blackwhy');
		await page.keyboard.type('names somebody else');
		await keys(page, 'Enter');
		await page.waitForSelector('.black rect');
		const had = await page.locator('.black rect').count();
		const sheet = await page.locator('.sheet svg').boundingBox();
		await page.mouse.move(sheet.x + sheet.width / 2, sheet.y + sheet.height / 2);
		await page.mouse.down();
		await page.mouse.move(sheet.x + sheet.width / 2 + 80, sheet.y + sheet.height / 2 + 30);
		await page.mouse.up();
		assert.equal(await page.locator('.new').count(), 1);
		await page.fill('#blackwhy', 'a signature');
		await look(me, 'request-page');
		await page.click('button:has-text("Black it out")');
		await page.waitForFunction((n) => document.querySelectorAll('.black rect').length === n, had + 1);
		await keys(page, 'b');
		await page.waitForURL(where);
		await keys(page, 's');
		await page.waitForSelector('text=It waits for somebody else');
		await look(me, 'request-waits');
		const second = await someone('demo.director', theme);
		await second.page.goto(where);
		await look(second, 'request-check');
		await second.page.click('button:has-text("It may go out")');
		await second.page.waitForSelector('text=Checked by');
		await second.end();
		await page.goto(where);
		await page.fill('#method', 'collected in person');
		await look(me, 'request-approved');
		const [file] = await Promise.all([page.waitForEvent('download'), page.click('button:has-text("hand it over")')]);
		assert.match(file.suggestedFilename(), /^R\d{6}\.pdf$/);
		assert.equal(readFileSync(await file.path()).subarray(0, 5).toString(), '%PDF-');
		await page.goto(base + '/disclosures');
		await page.fill('#dchart', '9237654');
		await page.click('button:has-text("Show what")');
		await page.waitForURL(/\/disclosures\/[A-Z0-9]+$/);
		assert.match(await page.textContent('tbody'), /Zebra Testrequester.*collected in person/s);
		await look(me, 'disclosures');
		for (const press of ['button:has-text("accounting as PDF")']) {
			const [pdf] = await Promise.all([page.waitForEvent('download'), page.click(press)]);
			assert.equal(readFileSync(await pdf.path()).subarray(0, 5).toString(), '%PDF-');
		}
		await me.end();
	});
	test(`an auditor checks the log, ${theme}`, async () => {
		const me = await someone('demo.auditor', theme);
		await keys(me.page, 'g', 'a');
		await me.page.waitForURL(/audit/);
		await keys(me.page, 'v');
		await me.page.waitForSelector('.good');
		assert.match(await me.page.textContent('table'), /user:demo.records/);
		await look(me, 'audit');
		await me.end();
	});
	test(`an administrator sees people and health, and no chart, ${theme}`, async () => {
		const me = await someone('demo.admin', theme);
		for (const path of ['users', 'health']) {
			await me.page.goto(`${base}/${path}`);
			await look(me, path);
		}
		assert.equal(await me.page.locator('#chartbox').count(), 0);
		await me.end();
		const again = await someone('demo.admin', theme);
		assert.equal((await again.page.goto(base + '/qa')).status(), 403);
		await look(again, 'denied');
		await again.page.context().close();
	});
}

test('a second factor is set up', async () => {
	for (const theme of ['light', 'dark']) {
		const me = await someone('demo.release', theme);
		await me.page.click('header a:has-text("demo.release")');
		await me.page.waitForURL(/account/);
		await look(me, 'account');
		await me.page.fill('#password', password);
		await me.page.click('main button');
		await me.page.waitForSelector('svg image');
		await look(me, 'factor');
		await me.end();
	}
});

test('from a schedule to a certificate, by two people', async () => {
	const people = {};
	for (const name of ['demo.director', 'demo.auditor', 'demo.privacy']) {
		const who = people[name] = await someone(name);
		await who.page.goto(base + '/account');
		await who.page.fill('#apass', 'only the ' + name.slice(5) + ' signs with this');
		await who.page.fill('#arep', 'only the ' + name.slice(5) + ' signs with this');
		await who.page.click('button:has-text("Become an approver")');
		await who.page.waitForSelector('text=You may approve in some days');
	}
	const approve = async (name, url, count) => {
		const { page } = people[name];
		await page.goto(url);
		if (count) await page.fill('#count', count);
		await page.fill('#pass', 'only the ' + name.slice(5) + ' signs with this');
		await look(people[name], 'approve');
		await page.click('button:text-is("Approve")');
		await page.waitForFunction((n) => document.body.innerText.includes(n), name);
	};
	const me = people['demo.director'];
	const { page } = me;
	await keys(page, 'g', 't');
	await page.waitForURL(/retention/);
	await page.click('a:has-text("Retention schedules")');
	await page.waitForURL(/\/schedules$/);
	await page.fill('#text', 'format = 2\nversion = "site-1"\nzone = "America/New_York"\n[types]\neverything = ["*"]\n[[rule]]\nid = "adult"\nclass = "everything"\npopulation = "adult"\ntrigger = "last_encounter"\nyears = 10\ncitation = "made-up law 1"\nconfidence = "high"\nnotice = { audience = "patient", method = "mail", lead_days = 0, citation = "made-up law 2" }\n');
	await look(me, 'schedules');
	await page.click('button:has-text("Register the draft")');
	await page.waitForURL(/\/schedules\/[a-z0-9]+$/);
	await page.click('button:has-text("Say what it would change")');
	await page.waitForSelector('text=What it would change');
	await look(me, 'schedule');
	const schedule = page.url();
	assert.match(await page.textContent('main'), /You drafted it: somebody else approves/);
	await approve('demo.auditor', schedule);
	await approve('demo.privacy', schedule);
	await page.goto(schedule);
	await page.click('button:has-text("Adopt it")');
	await page.waitForSelector('text=adopted');
	// Somebody else lists what is due now; nobody approves a plan of their own.
	const records = await someone('demo.records');
	await records.page.goto(base + '/plans');
	await look(records, 'plans');
	await records.page.click('button:has-text("List what is due")');
	await records.page.waitForURL(/\/plans\/[a-z2-7]{26}$/);
	const plan = records.page.url();
	assert.match(await records.page.textContent('main'), /2 documents of 1 charts/);
	await look(records, 'plan');
	await records.page.fill('#on-adult', new Date(Date.now() - 2 * 86400000).toISOString().slice(0, 10));
	await records.page.setInputFiles('#file-adult', { name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('The notice, as it was mailed (fictitious).') });
	await records.page.click('text=Put the notice of adult on file');
	await records.page.waitForSelector('text=The notice of rule adult is on file');
	await records.page.click('button:has-text("End the review")');
	await records.page.waitForSelector('text=It waits for approvals');
	await records.end();
	await page.goto(plan);
	await page.fill('#count', '3');
	await page.fill('#pass', 'only the director signs with this');
	const [wrong] = await Promise.all([page.waitForResponse((r) => r.url().endsWith('/approve')), page.click('button:text-is("Approve")')]);
	assert.equal(wrong.status(), 400); // the count
	const fresh = people['demo.director'] = await someone('demo.director'); // whose window has no error in it
	await page.context().close();
	await approve('demo.director', plan, '2');
	await approve('demo.auditor', plan, '2');
	// The daemon carries it out within a minute.
	for (let i = 0; i < 50; i++) {
		await fresh.page.goto(plan);
		if (/Certificate 0/.test(await fresh.page.textContent('main'))) break;
		await fresh.page.waitForTimeout(2000);
	}
	await look(fresh, 'plan-done');
	const [file] = await Promise.all([fresh.page.waitForEvent('download'), fresh.page.click('a:has-text("Certificate 0")')]);
	assert.equal(readFileSync(await file.path()).subarray(0, 5).toString(), '%PDF-');
	await keys(fresh.page, '/');
	await fresh.page.keyboard.type('9118427');
	await keys(fresh.page, 'Enter');
	await fresh.page.waitForURL(/\/chart\//);
	assert.match(await fresh.page.textContent('tbody'), /destroyed on .* under certificate/s);
	await look(fresh, 'destroyed');
	for (const name of ['demo.auditor', 'demo.privacy', 'demo.director']) await people[name].end();
});

for (const theme of ['light', 'dark']) {
	test(`a clinician breaks the glass, and somebody reviews it, ${theme}`, async () => {
		const me = await someone('demo.clinician', theme);
		const { page } = me;
		assert.equal(await page.locator('#chartbox').count(), 0);
		await keys(page, 'g', 'y');
		await page.waitForURL(/emergency/);
		await look(me, 'emergency');
		await page.fill('#why', 'unconscious, ' + theme);
		await page.click('main button');
		await page.waitForSelector('.alarm');
		await keys(page, '/');
		await page.keyboard.type('9237654');
		await keys(page, 'Enter');
		await page.waitForURL(/\/chart\//);
		assert.match(await page.textContent('main'), /looked up for emergency/);
		await page.click('tbody a');
		await page.waitForURL(/\/document\//);
		assert.equal(await page.locator('button:has-text("PDF")').count(), 0);
		await look(me, 'in-an-emergency');
		await me.end();
		const other = await someone('demo.privacy', theme);
		await other.page.goto(base + '/emergencies');
		const row = other.page.locator('tr', { hasText: 'unconscious, ' + theme });
		assert.match(await row.textContent(), /1 charts looked up, 1 pages/);
		await look(other, 'emergencies');
		await row.locator('input[name=note]').fill('the patient was unconscious');
		await row.locator('button').click();
		await other.page.waitForSelector(`tr:has-text("unconscious, ${theme}"):has-text("justified: the patient")`);
		await other.end();
	});
}

test('a chart is restricted, opens in an emergency only, and is free again', async () => {
	const me = await someone('demo.director');
	const { page } = me;
	await keys(page, 'g', 'l');
	await page.waitForURL(/restrictions/);
	await look(me, 'restrictions-none');
	await page.fill('#matter', 'somebody of ward 3');
	await page.fill('#charts', '9237654');
	await page.click('text=Restrict them');
	await page.waitForSelector('tr:has-text("somebody of ward 3")');
	await look(me, 'restrictions');
	const other = await someone('demo.records');
	const ask = async () => {
		await keys(other.page, '/');
		await other.page.keyboard.type('9237654');
		await keys(other.page, 'Enter');
		await other.page.waitForURL(/\/chart\//);
		return other.page.textContent('main');
	};
	other.expects(403);
	assert.match(await ask(), /this chart is restricted/);
	await look(other, 'restricted');
	await keys(other.page, 'g', 'y');
	await other.page.waitForURL(/emergency/);
	await other.page.fill('#why', 'unconscious in room 4');
	await other.page.click('main button');
	await other.page.waitForSelector('.alarm');
	assert.match(await ask(), /looked up for emergency/);
	await other.end();
	await page.click('text=Open them to every role');
	await page.waitForSelector('tr:has-text("lifted")');
	await me.end();
});

test('how the site is set up, and its patient list', async () => {
	const admin = await someone('demo.admin');
	await keys(admin.page, 'g', 'x');
	await admin.page.waitForURL(/site/);
	assert.match(await admin.page.textContent('main'), /never rehearsed.*Discharge summary.*18842-5/s);
	await look(admin, 'site');
	await admin.end();
	const me = await someone('demo.records', 'dark');
	const { page } = me;
	await page.goto(base + '/imports');
	await page.setInputFiles('#list', { name: 'mpi.csv', mimeType: 'text/csv', buffer: Buffer.from('chart_number,name,date_of_birth\n9237654,"TESTPATIENT, BRAVO",1962-07-14\n,nobody,\n') });
	await page.click('button:has-text("Go on")');
	await page.waitForSelector('text=Nothing was changed');
	assert.match(await page.textContent('main'), /1 chart numbers of 1 people would be/);
	await look(me, 'patients-looked');
	await me.end();
});

test('what another system exported is taken in', async () => {
	const me = await someone('demo.director'); // who is in no emergency, in which nothing is opened ahead
	const { page } = me;
	await keys(page, 'g', 'i');
	await page.waitForURL(/imports/);
	await look(me, 'imports-none');
	await page.focus('#index');
	await page.keyboard.type('index.csv');
	await page.fill('#map', 'chart_number=MRN');
	await page.fill('#from', 'Oldbase');
	await page.click('text=See what it would take in');
	await page.waitForSelector('text=Nothing was taken in yet');
	await look(me, 'import-looked');
	await keys(page, 'Enter'); // the button has it
	await page.waitForURL(/imports$/);
	for (let i = 0; i < 60 && !/done/.test(await page.textContent('tbody')); i++) {
		await page.waitForTimeout(500);
		await page.goto(base + '/imports');
	}
	assert.match(await page.textContent('tbody'), /oldbase-2009.*Oldbase.*done/s);
	await look(me, 'imports');
	await page.click('tbody a');
	await page.waitForURL(/imports\/./);
	assert.match(await page.textContent('tbody'), /2\.jpg/);
	await look(me, 'import-not-taken');
	// What it is in doubt about: turned for good, and sent back to be scanned again.
	await keys(page, 'g', 'q');
	await page.waitForURL(/\/qa$/);
	await keys(page, 'Enter');
	await page.waitForURL(/\/qa\/[a-z2-7]{26}/);
	// The next one waits already, and stands there when this one is accepted.
	await page.waitForSelector('form[data-ready]', { state: 'attached' });
	await page.evaluate(() => { window.same = true; });
	const one = page.url();
	await page.fill('#chart', '7654321');
	await page.focus('#chart');
	await keys(page, 'Enter');
	await page.waitForURL(/\/qa\/[a-z2-7]{26}\?last=/);
	assert.ok(await page.evaluate(() => window.same));
	assert.notEqual(page.url().split('?')[0], one);
	assert.match(await page.textContent('main'), /The last one is filed/);
	await page.waitForFunction(() => document.querySelector('svg image').getBBox().width > 0);
	await look(me, 'qa-next');
	if (await page.evaluate(() => document.activeElement.tagName) === 'INPUT') await keys(page, 'Escape');
	const was = page.url();
	await Promise.all([page.waitForEvent('load'), keys(page, 'R')]);
	assert.match(page.url(), /\/qa\/[a-z2-7]{26}/);
	assert.notEqual(page.url(), was); // a new document, turned
	await look(me, 'qa-turned');
	if (await page.evaluate(() => document.activeElement.tagName) === 'INPUT') await keys(page, 'Escape');
	await keys(page, 'x');
	await page.keyboard.type('pages');
	await keys(page, 'Tab');
	await Promise.all([page.waitForEvent('load'), keys(page, 'Enter')]);
	assert.match(page.url(), /\/qa(\?|$)/);
	assert.match(await page.textContent('tbody'), /To be scanned again: pages are missing/);
	await look(me, 'qa-sent-back');
	await keys(page, 'g', 'b');
	await page.waitForURL(/\/batches$/);
	await page.locator('tbody a').last().click();
	await page.waitForURL(/\/batches\/[a-z2-7]{26}/);
	assert.match(await page.textContent('main'), /Where its pages are.*document 1/s);
	await look(me, 'batch');
	await me.end();
});

test('a program acts for a person, with some of their rights', async () => {
	for (const theme of ['light', 'dark']) {
		const me = await someone('demo.records', theme);
		const { page } = me;
		await page.goto(base + '/tokens');
		await page.fill('#name', 'a report, ' + theme);
		await page.check('input[value="see batches"]');
		await look(me, 'tokens');
		await page.click('button:has-text("Make the token")');
		const secret = await page.textContent('.warn code');
		assert.match(secret, /^cvp_demo\.records_/);
		const ask = (op) => fetch(`${base}/api/v2/${op}`, { method: 'POST', headers: { authorization: 'Bearer ' + secret }, body: '{}' });
		const got = await ask('batches');
		assert.equal(got.status, 200);
		assert.ok((await got.text()).trim().split('\n').length >= 3);
		assert.equal((await ask('hold-list')).status, 403);
		await page.goto(base + '/programs');
		await page.click('summary:has-text("request-new")');
		await look(me, 'programs');
		await page.goto(base + '/tokens');
		await page.locator('tr', { hasText: 'a report, ' + theme }).locator('button').click();
		await page.waitForLoadState();
		assert.equal((await ask('batches')).status, 401);
		await me.end();
	}
});

test('a list of batches goes on by itself while scans come in', async () => {
	const me = await someone('demo.scan');
	const { page } = me;
	await page.goto(base + '/batches');
	const had = await page.locator('tbody tr').count();
	// The same scan once more, as another file: a name of its own when it is whole.
	const scan = Buffer.concat([readFileSync(process.env.CHARTVAULT_SCAN), Buffer.from('again')]);
	writeFileSync(process.env.CHARTVAULT_FOLDER + '/again.part', scan);
	renameSync(process.env.CHARTVAULT_FOLDER + '/again.part', process.env.CHARTVAULT_FOLDER + '/again.tif');
	await page.waitForSelector('#news a', { timeout: 60000 });
	assert.equal(await page.textContent('#news'), '1 new batch: show it');
	await look(me, 'batches-news');
	await page.locator('#news a').focus();
	await keys(page, 'Enter');
	await page.waitForFunction((n) => document.querySelectorAll('tbody tr').length === n, had + 1);
	await page.evaluate(() => { window.same = true; });
	await page.waitForFunction(() => document.querySelector('tbody tr td:nth-child(10)').textContent === 'yes', null, { timeout: 60000 });
	assert.equal(await page.evaluate(() => window.same), true, 'it was loaded again');
	await me.end();
});

test('reports, and lists as files', async () => {
	for (const theme of ['light', 'dark']) {
		const me = await someone('demo.director', theme);
		await me.page.goto(base + '/reports');
		assert.match(await me.page.textContent('main'), /demo\.records/);
		await look(me, 'reports');
		for (const [path, name] of [['/automations', 'automations'], ['/paper', 'papers'], ['/paper/now', 'sheaves']]) {
			await me.page.goto(base + path);
			await look(me, name);
		}
		await me.page.goto(base + '/access');
		await me.page.fill('#chart', '9118427');
		await keys(me.page, 'Enter');
		await me.page.waitForURL(/\/access\/[A-Z0-9]+$/);
		assert.match(await me.page.textContent('tbody'), /user:demo\.records/);
		await look(me, 'access');
		await me.end();
	}
});

test('a security key is given, and signs somebody in', async () => {
	const local = base.replace('127.0.0.1', 'localhost'); // keys sign for a name
	const ctx = await browser.newContext({ viewport: { width: 1280, height: 900 } });
	const page = await ctx.newPage();
	const wrong = [];
	page.on('console', (m) => { if (m.type() === 'error' && !m.text().includes('401')) wrong.push(m.text()); }); // one sign-in is to fail
	const cdp = await ctx.newCDPSession(page);
	await cdp.send('WebAuthn.enable');
	await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
	const words = async () => { await page.goto(local + '/signin'); await page.fill('#name', 'demo.scan'); await page.fill('#password', password); };
	await words();
	await page.keyboard.press('Enter');
	await page.waitForURL(local + '/');
	await page.goto(local + '/account');
	await page.click('button:has-text("Add a security key")');
	await page.waitForSelector('button:has-text("Let the key answer")');
	await look({ page, theme: 'light' }, 'new-key');
	await page.click('button:has-text("Let the key answer")');
	await page.waitForURL(local + '/signin');
	await words(); // which are not enough any more
	const [refused] = await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), page.keyboard.press('Enter')]);
	assert.equal(refused.status(), 401);
	await page.waitForSelector('text=is wrong');
	await words();
	await look({ page, theme: 'light' }, 'signin-key');
	await page.click('button:has-text("With a security key")');
	await page.waitForURL(local + '/');
	await page.goto(local + '/account');
	assert.match(await page.textContent('main'), /my key, for localhost/);
	await look({ page, theme: 'light' }, 'account-key');
	assert.deepEqual(wrong, []);
	await ctx.close();
});

test("somebody comes by the house's own sign-in, which is another site", async () => {
	const local = base.replace('127.0.0.1', 'localhost');
	const ctx = await browser.newContext({ viewport: { width: 1280, height: 900 } });
	const page = await ctx.newPage();
	const wrong = [];
	page.on('console', (m) => { if (m.type() === 'error') wrong.push(m.text()); });
	await page.goto(local + '/signin');
	await look({ page, theme: 'light' }, 'signin-house');
	await page.focus('a:has-text("House sign-in")');
	await keys(page, 'Enter'); // there, back, and on, by itself
	await page.waitForURL(local + '/');
	await page.click('a:has-text("house.clerk")');
	await page.waitForURL(local + '/account');
	assert.match(await page.textContent('main'), /roles are those of your groups/);
	await look({ page, theme: 'light' }, 'account-house');
	for (const c of await ctx.cookies(local)) assert.ok(c.httpOnly && c.secure && c.sameSite === 'Strict', c.name + ' ' + c.sameSite);
	assert.deepEqual(wrong, []);
	await ctx.close();
});

test('after the sign-out nothing is left', async () => {
	const me = await someone('demo.release');
	const { page } = me;
	await page.click('text=Sign out');
	await page.waitForURL(/signin/);
	await look(me, 'signin');
	await page.goBack();
	await page.goto(base + '/');
	await page.waitForURL(/signin/);
	assert.deepEqual(await page.context().cookies(), []);
	await me.end();
});
