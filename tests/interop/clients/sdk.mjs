// Checks a server with the official TypeScript SDK of the first generation: plain calls and calls
// with progress.
//
// usage: node sdk.mjs SERVER PYTHON WITNESS

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

import {
    CHECKS_OF_PLAIN_CALLS,
    PATIENCE_MS,
    Session,
    TOOLS,
    TOOLS_FOR_TICKETS,
    backgroundCallWithProgress,
    close,
    expect,
    expectCounted,
    expectFailure,
    expectIn,
    expectIncreasing,
    expectRejection,
    expectTools,
    pause,
    plainCall,
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

class SdkSession extends Session {
    constructor(witness) {
        const client = new Client({ name: 'sdk', version: VERSION });
        super(witness, client, new StdioClientTransport(witness.command));
    }

    connect() {
        return this.client.connect(this.transport);
    }

    call(tool, toolArguments = {}, options = {}) {
        return this.client.callTool({ name: tool, arguments: toolArguments }, undefined, options);
    }
}

async function toolList({ client }) {
    await expectTools(client, [...TOOLS, ...TOOLS_FOR_TICKETS]);
}

async function backgroundCallWithoutAToken(session) {
    const sent = performance.now();
    expectCounted(await session.call('count'), 3);
    expect('within the patience', performance.now() - sent < PATIENCE_MS, true);
    expect('progress', session.heard(), []);
}

async function backgroundCallWithProgressThatOutlastsThePatience(session) {
    const values = [];
    const onprogress = ({ progress }) => values.push(progress);
    const taskId = taskIdIn(await session.call('count', { to: 18 }, { onprogress }));
    expectIncreasing(values);
    expectIn('last message', ' of 18', session.heard().at(-1)?.message);
    let checked;
    do {
        checked = await checkTask(session, taskId);
    } while (wholeTextOf(checked).includes(' is running'));
    expectIn('result', '{"to":18}', wholeTextOf(checked));
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

async function closeWhileATaskRuns(session) {
    taskIdIn(await session.call('watch'));
}

async function checkTask(session, taskId) {
    return session.call('check_task', { task_id: taskId, wait_seconds: 1 });
}

await run([
    {
        label: `sdk ${VERSION}, ${PROTOCOL}`,
        open: (witness) => new SdkSession(witness),
        checks: [
            toolList,
            ...CHECKS_OF_PLAIN_CALLS,
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
