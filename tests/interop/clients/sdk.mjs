// Checks a server with the official TypeScript SDK of the first generation: plain calls and calls
// with progress.
//
// usage: node sdk.mjs SERVER PYTHON WITNESS

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import {
    PATIENCE_MS,
    TOOLS,
    TOOLS_FOR_TICKETS,
    expect,
    expectCounted,
    expectCounting,
    expectFailure,
    expectIn,
    expectIncreasing,
    expectRejection,
    expectSuccess,
    pause,
    run,
    taskIdIn,
    textOf,
    wholeTextOf,
} from './checks.mjs';

const VERSION = '1.32.0';
const PROTOCOL = '2025-11-25';

const CANCEL_MS = 1_200;
const SILENCE_MS = 1_200;
// Of the SDK; what it calls its error for a request whose signal was aborted.
const ABORTED = -32001;

class Session {
    constructor(witness) {
        this.witness = witness;
        this.client = new Client({ name: 'sdk', version: VERSION });
        this.transport = new StdioClientTransport(witness.command);
    }

    connect() {
        return this.client.connect(this.transport);
    }

    call(tool, toolArguments = {}, options = {}) {
        return this.client.callTool({ name: tool, arguments: toolArguments }, undefined, options);
    }

    heard() {
        return this.witness.heard('notifications/progress');
    }

    close() {
        return this.transport.close();
    }
}

async function toolList({ client }) {
    const names = (await client.listTools()).tools.map((tool) => tool.name);
    expect('tools', names.sort(), [...TOOLS, ...TOOLS_FOR_TICKETS].sort());
}

async function plainCall(session) {
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

async function backgroundCallWithoutAToken(session) {
    const sent = performance.now();
    expectCounted(await session.call('count'), 3);
    expect('within the patience', performance.now() - sent < PATIENCE_MS, true);
    expect('progress', session.heard(), []);
}

async function backgroundCallWithProgress(session) {
    const values = [];
    const onprogress = ({ progress }) => values.push(progress);
    expectCounted(await session.call('count', {}, { onprogress }), 3);
    expectCounting(values, session.heard());
}

async function backgroundCallWithProgressThatOutlastsThePatience(session) {
    const values = [];
    const onprogress = ({ progress }) => values.push(progress);
    expectCounted(await session.call('count', { to: 18 }, { onprogress }), 18);
    expectIncreasing(values);
    expectIn('last message', '18 of 18', session.heard().at(-1)?.message);
}

async function ticket(session) {
    const taskId = taskIdIn(await session.call('count', { to: 1000 }));
    let checked = await checkTask(session, taskId);
    expectIn('news', 'of 1000', wholeTextOf(checked));
    const stopped = await session.call('stop_task', { task_id: taskId });
    expect('isError', [stopped.isError ?? false, textOf(stopped)], [false, textOf(stopped)]);
    while (wholeTextOf(checked).includes(' is running')) {
        checked = await checkTask(session, taskId);
    }
    expect('isError', checked.isError, true);
    expectIn('end', 'stopped', wholeTextOf(checked));
}

async function backgroundCallThatFails(session) {
    expectFailure(await session.call('fail'), 'it was not to be');
    expectFailure(await session.call('fail', {}, { onprogress: () => {} }), 'it was not to be');
    expect('progress', session.heard().map((sent) => sent.message), ['about to fail']);
}

async function backgroundCallThatPanics(session) {
    expectFailure(await session.call('panic_later'), 'panicked');
    await plainCall(session);
}

async function cancelledCall(session) {
    const signal = AbortSignal.timeout(CANCEL_MS);
    await expectRejection(session.call('watch', {}, { signal }), ABORTED);
    await plainCall(session);
}

async function cancelledCallWithProgress(session) {
    const messages = [];
    const onprogress = ({ message }) => messages.push(message);
    const signal = AbortSignal.timeout(CANCEL_MS);
    await expectRejection(session.call('watch', {}, { signal, onprogress }), ABORTED);
    expect('first message', messages[0], 'round 1');
    await plainCall(session);
    const heard = session.heard();
    await pause(SILENCE_MS);
    expect('heard after the cancellation', session.heard(), heard);
}

async function close(session) {
    await plainCall(session);
}

async function closeWhileATaskRuns(session) {
    taskIdIn(await session.call('watch'));
}

async function checkTask(session, taskId) {
    return session.call('check_task', { task_id: taskId, wait_seconds: 1 });
}

await run([
    {
        label: `sdk ${VERSION}, ${PROTOCOL}`,
        open: (witness) => new Session(witness),
        checks: [
            toolList,
            plainCall,
            plainCallThatFails,
            plainCallThatPanics,
            badArguments,
            backgroundCallWithoutAToken,
            backgroundCallWithProgress,
            backgroundCallWithProgressThatOutlastsThePatience,
            ticket,
            backgroundCallThatFails,
            backgroundCallThatPanics,
            cancelledCall,
            cancelledCallWithProgress,
            close,
            closeWhileATaskRuns,
        ],
    },
]);
