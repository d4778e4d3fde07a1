// What the JavaScript drivers share: a server under the eyes of a witness, checks that every client
// is to pass, and the report of checks.
//
// usage of a driver: node DRIVER.mjs SERVER PYTHON WITNESS
//
// SERVER is the executable of the `outcomes` example, and PYTHON runs WITNESS, which is witness.py.
// A driver prints one line per check.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const [server, python, witnessScript] = process.argv.slice(2);

const CHECK_MS = 30_000;
const DRIVER_MS = 600_000;
const CLOSE_MS = 10_000;
export const PATIENCE_MS = 2_000;

export const TOOLS = ['add', 'divide', 'panic_at_once', 'count', 'fail', 'panic_later', 'watch'];
export const TOOLS_FOR_TICKETS = ['check_task', 'stop_task'];

const CHECKS_OF_THE_END = ['close', 'closeWhileATaskRuns'];

// Knows what passed between a client and its server, and how the server ended.
class Witness {
    constructor(directory) {
        this.directory = directory;
    }

    get command() {
        return { command: python, args: [witnessScript, this.directory, server] };
    }

    // The parameters of each notification that the client was sent.
    heard(method) {
        const lines = readFileSync(join(this.directory, 'transcript'), 'utf8').split('\n');
        return lines
            .filter((line) => line.startsWith('s>c '))
            .map((line) => JSON.parse(line.slice(4)))
            .filter((message) => message.method === method)
            .map((message) => message.params);
    }

    exitStatus() {
        const statuses = readFileSync(join(this.directory, 'statuses'), 'utf8');
        return Number(statuses.trim().split('\n').at(-1));
    }
}

// Each driver adds how its client connects and calls a tool.
export class Session {
    constructor(witness, client, transport) {
        this.witness = witness;
        this.client = client;
        this.transport = transport;
    }

    heard() {
        return this.witness.heard('notifications/progress');
    }

    close() {
        return this.transport.close();
    }
}

class Failure extends Error {}

export function expect(what, actual, wanted) {
    if (!isDeepStrictEqual(actual, wanted)) {
        const [got, want] = [JSON.stringify(actual), JSON.stringify(wanted)];
        throw new Failure(`${what}: got ${got}, wanted ${want}`);
    }
}

export function expectIn(what, wanted, text) {
    if (!text?.includes(wanted)) {
        const [got, want] = [JSON.stringify(text), JSON.stringify(wanted)];
        throw new Failure(`${what}: got ${got}, wanted ${want} in it`);
    }
}

function expectSuccess(result, text) {
    expect('isError and text', [result.isError ?? false, textOf(result)], [false, text]);
}

export function expectFailure(result, text) {
    expect('isError', [result.isError ?? false, wholeTextOf(result)], [true, wholeTextOf(result)]);
    // What came before the error may follow it.
    expectIn('text', text, result.content[0].text);
}

export function expectCounted(result, to) {
    expect('isError', [result.isError ?? false, textOf(result)], [false, textOf(result)]);
    expect('structured content', result.structuredContent, { to });
    expect('text', JSON.parse(textOf(result)), { to });
}

export function expectIncreasing(values) {
    expect('strictly increasing', values, [...new Set(values)].sort((a, b) => a - b));
}

// Checks what a callback heard against what its client was sent about counting to 3.
//
// These clients drop a progress notification that they read together with the result. The server
// waits 20 ms between the two, so as a rule the callback hears the last one, too; but a client on a
// loaded machine may still read both at once.
function expectCounting(values, sent) {
    expect('messages', sent.map(({ message }) => message), ['1 of 3', '2 of 3', '3 of 3']);
    expectIncreasing(sent.map(({ progress }) => progress));
    expect('values', values, sent.slice(0, values.length).map(({ progress }) => progress));
    expect('all but the last', values.length >= sent.length - 1, true);
}

export async function expectTools(client, wanted) {
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    expect('tools', names.sort(), [...wanted].sort());
}

export async function expectRejection(promise, code) {
    const outcome = await promise.then(
        (value) => ({ value }),
        (error) => ({ error }),
    );
    expect('code of the error', outcome.error?.code, code);
}

export function textOf(result) {
    expect('kinds of content', result.content.map((content) => content.type), ['text']);
    return result.content[0].text;
}

export function wholeTextOf(result) {
    return result.content.map((content) => content.text).join('\n');
}

export function taskIdIn(ticket) {
    expect('isError', ticket.isError ?? false, false);
    expectIn('ticket', 'check_task', textOf(ticket));
    const named = /"task_id": "([^"]+)"/.exec(textOf(ticket));
    if (named === null) {
        throw new Failure(`ticket: got ${JSON.stringify(textOf(ticket))}, wanted a task id in it`);
    }
    return named[1];
}

export function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export async function plainCall(session) {
    expectSuccess(await session.call('add', { a: 2, b: 40 }), '42');
}

async function plainCallThatFails(session) {
    expectFailure(await session.call('divide', { a: 1, b: 0 }), 'nothing can be divided by zero');
}

async function plainCallThatPanics(session) {
    const panicked = await session.call('panic_at_once');
    expectFailure(panicked, 'tool `panic_at_once` panicked: as it was asked to');
    await plainCall(session);
}

async function badArguments(session) {
    expectFailure(await session.call('add', { a: 'two' }), '`b`');
    expectFailure(await session.call('count', { to: 0 }), '`to`');
    await plainCall(session);
}

export const CHECKS_OF_PLAIN_CALLS = [
    plainCall,
    plainCallThatFails,
    plainCallThatPanics,
    badArguments,
];

export async function backgroundCallWithProgress(session) {
    const values = [];
    const onprogress = ({ progress }) => values.push(progress);
    expectCounted(await session.call('count', {}, { onprogress }), 3);
    expectCounting(values, session.heard());
}

export async function close(session) {
    await plainCall(session);
}

function nameOf(check) {
    return check.name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function within(milliseconds, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        const failure = new Failure(`not done within ${milliseconds} ms`);
        timer = setTimeout(() => reject(failure), milliseconds);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function reason(error) {
    const text = error instanceof Failure ? error.message : `${error?.stack ?? error}`;
    return text.replace(/\s+/g, ' ');
}

// Runs a check in a session of its own. Whatever comes of it, the server is ended.
async function inSession(open, check) {
    const witness = new Witness(mkdtempSync(join(tmpdir(), 'witness-')));
    try {
        const session = open(witness);
        try {
            await within(CHECK_MS, session.connect().then(() => check(session)));
        } finally {
            await within(CLOSE_MS, session.close());
        }
        session.afterwards?.();
        if (CHECKS_OF_THE_END.includes(check.name)) {
            expect('exit status', witness.exitStatus(), 0);
        }
    } finally {
        rmSync(witness.directory, { recursive: true, force: true });
    }
}

async function report(label, open, check) {
    try {
        await inSession(open, check);
    } catch (error) {
        console.log(`FAILED ${label}: ${reason(error)}`);
        return false;
    }
    console.log(`ok ${label}`);
    return true;
}

// Runs `suites`, each of them a label, what opens a session for a witness, and a list of checks.
export async function run(suites) {
    const overdue = setTimeout(() => {
        console.error(`not done within ${DRIVER_MS} ms`);
        process.exit(2);
    }, DRIVER_MS);
    let passed = true;
    for (const { label, open, checks } of suites) {
        for (const check of checks) {
            passed = (await report(`${label}: ${nameOf(check)}`, open, check)) && passed;
        }
    }
    clearTimeout(overdue);
    // What a late check left behind must not keep the driver.
    process.exit(passed ? 0 : 1);
}
