// Runs what each revision of MCP requires of a server, over HTTP and over stdio, and compares each check with what is
// expected of it.
//
// usage: check.mjs SUITE RESULTS SERVER [REVISION ..]
import { spawn } from 'node:child_process';
import { readFile, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listen } from './bridge.mjs';
import { serve } from './http.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const [suite, results, server, ...revisions] = process.argv.slice(2);
const expected = JSON.parse(await readFile(join(here, 'expected.json')));

// How a server is reached: over HTTP as it is, and over stdio by way of a bridge.
const ways = { http: serve, stdio: listen };

let asExpected = true;
for (const revision of revisions.length ? revisions : Object.keys(expected)) {
    for (const way of Object.keys(ways)) {
        asExpected = (await check(revision, way, expected[revision])) && asExpected;
    }
}
process.exit(asExpected ? 0 : 1);

async function check(revision, way, { passed, others }) {
    const directory = join(results, way, revision);
    await rm(directory, { recursive: true, force: true });
    const ended = await run(revision, ways[way], directory);
    const checks = await readChecks(directory);
    const count = checks.filter(({ status }) => status === 'SUCCESS').length;
    const found = new Map(
        checks
            // What does not apply here, or is only told.
            .filter(({ status }) => !['SUCCESS', 'SKIPPED', 'INFO'].includes(status))
            .map(({ scenario, id, name, status, errorMessage }) => [`${scenario}: ${id} (${name})`, [status, errorMessage]]),
    );
    console.log(`${revision} over ${way}: ${count} passed, ${found.size} did not`);
    const wrong = [];
    if (count !== passed) wrong.push(`${passed} were expected to pass`);
    for (const [name, [status, error]] of found) {
        if (!(name in others)) wrong.push(`${status} ${name}: ${error}`);
    }
    for (const name of Object.keys(others)) {
        if (!found.has(name)) wrong.push(`passes, and is still in expected.json: ${name}`);
    }
    const badly = ended.filter((status) => status !== 0);
    if (badly.length > 0) wrong.push(`of ${ended.length} servers these did not end with status 0: ${badly.join(', ')}`);
    for (const problem of wrong) console.log(`  ${problem}`);
    return wrong.length === 0;
}

// Its exit status says nothing of what is not scored, all of tasks among it. Tells what the servers ended with.
async function run(revision, way, directory) {
    const { url, close } = await way([server]);
    const args = [suite, 'server', '--url', url, '--requirements', revision, '--output-dir', directory];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    await new Promise((ended) => child.on('close', ended));
    return close();
}

async function readChecks(directory) {
    const checks = [];
    for (const scenario of (await readdir(directory)).sort()) {
        const list = JSON.parse(await readFile(join(directory, scenario, 'checks.json')));
        // The folder's name ends with a time.
        const name = scenario.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
        checks.push(...list.map((check) => ({ scenario: name, ...check })));
    }
    return checks;
}
