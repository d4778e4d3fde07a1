// Checks a server with the official TypeScript client of the second generation and its companion
// for the tasks extension.
//
// usage: node client_ext_tasks.mjs SERVER PYTHON WITNESS

import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { createTaskSessionFromClient } from '@modelcontextprotocol/ext-tasks/client';

import {
    CHECKS_OF_PLAIN_CALLS,
    Session,
    TOOLS,
    TOOLS_FOR_TICKETS,
    backgroundCallWithProgress,
    close,
    expect,
    expectCounted,
    expectFailure,
    expectIn,
    expectRejection,
    expectTools,
    pause,
    plainCall,
    run,
} from './checks.mjs';

const VERSION = '2.4.0';
const TASKS_VERSION = '0.2.2';
const MODERN = '2026-07-28';
const LEGACY = '2025-11-25';

const TASKS = 'io.modelcontextprotocol/tasks';
const CLIENT_INFO = { name: 'client', version: VERSION };
const WITH_TASKS = { extensions: { [TASKS]: {} } };

const POLL_MS = 50;
const CANCEL_MS = 1_200;
const SILENCE_MS = 1_200;
const INVALID_PARAMS = -32602;

class ClientSession extends Session {
    constructor(witness, protocol, capabilities) {
        const mode = protocol === MODERN ? 'auto' : 'legacy';
        const client = new Client(CLIENT_INFO, { capabilities, versionNegotiation: { mode } });
        super(witness, client, new StdioClientTransport(witness.command));
        this.protocol = protocol;
    }

    async connect() {
        await this.client.connect(this.transport);
        expect('protocol', this.client.getNegotiatedProtocolVersion(), this.protocol);
    }

    call(tool, toolArguments = {}, options = {}) {
        return this.client.callTool({ name: tool, arguments: toolArguments }, options);
    }
}

class TaskSession extends ClientSession {
    constructor(witness) {
        super(witness, MODERN, WITH_TASKS);
    }

    async connect() {
        await super.connect();
        this.tasks = createTaskSessionFromClient(this.client, {
            endpointId: 'outcomes',
            rawDispatch: rawDispatchOver(this.transport),
            v2RequestFraming: {
                protocolVersion: MODERN,
                clientInfo: CLIENT_INFO,
                clientCapabilities: WITH_TASKS,
            },
        });
    }

    // The result of a call, whether or not the server makes it a task.
    async call(tool, toolArguments = {}, options = {}) {
        const execution = await this.tasks.callTool(tool, toolArguments, options);
        return resultOf(execution);
    }

    start(tool, toolArguments = {}, options = {}) {
        const task = { preference: 'require' };
        return this.tasks.callTool(tool, toolArguments, { ...options, task });
    }

    snapshot(execution) {
        return this.tasks.task(execution.handle.taskId).snapshot();
    }

    // Every status on the way to the last.
    async snapshots(execution) {
        const snapshots = [await this.snapshot(execution)];
        while (snapshots.at(-1).status === 'working') {
            await pause(POLL_MS);
            snapshots.push(await this.snapshot(execution));
        }
        return snapshots;
    }

    async close() {
        await this.tasks?.close();
        await super.close();
    }

    afterwards() {
        expect('progress', this.heard(), []);
    }
}

// Sends requests past the client, which takes no result that it does not know, as the companion
// leaves to its host.
function rawDispatchOver(transport) {
    const waiting = new Map();
    const deliver = transport.onmessage;
    let requests = 0;
    transport.onmessage = (message, extra) => {
        const settle = waiting.get(message.id);
        if (settle === undefined) {
            deliver(message, extra);
        } else {
            waiting.delete(message.id);
            settle(message);
        }
    };
    return (request, { signal } = {}) =>
        new Promise((resolve, reject) => {
            requests += 1;
            const id = `raw-${requests}`;
            waiting.set(id, ({ result, error }) => {
                const kind = error === undefined ? 'result' : 'error';
                resolve({ kind, result, error });
            });
            signal?.addEventListener('abort', () => {
                if (waiting.delete(id)) {
                    const params = { requestId: id };
                    transport
                        .send({ jsonrpc: '2.0', method: 'notifications/cancelled', params })
                        .catch(() => {});
                    reject(signal.reason);
                }
            });
            transport.send({ jsonrpc: '2.0', id, ...request }).catch(reject);
        });
}

async function announcement({ client, tasks }) {
    expect('settings of the extension', client.getServerCapabilities()?.extensions?.[TASKS], {});
    expect('execution of tasks', tasks.capabilities.execution, true);
}

async function toolList({ client }) {
    await expectTools(client, [...TOOLS, ...TOOLS_FOR_TICKETS]);
}

async function taskToItsEnd(session) {
    const execution = await session.start('count');
    const [working, last] = endOf(await session.snapshots(execution));
    expectIn('message while working', ' of 3', working.at(-1)?.statusMessage);
    expect('last status', last.status, 'completed');
    expectTimes(working[0].createdAt, working[0].lastUpdatedAt, last.lastUpdatedAt);
    expectCounted(await resultOf(execution), 3);
}

async function taskThatTheClientWaitsFor(session) {
    const execution = await session.start('count', { to: 18 });
    const messages = [];
    const statuses = [];
    const onEvent = ({ type, task }) => {
        if (type === 'task') {
            statuses.push(task.status);
            messages.push(task.statusMessage ?? '');
        }
    };
    const { outcome } = await execution.settle({ onEvent });
    expect('statuses', [...new Set(statuses)], ['working', 'completed']);
    expect('news', messages.some((message) => message.includes(' of 18')), true);
    expect('status', outcome.status, 'completed');
    expectCounted(outcome.result, 18);
}

async function taskAskedForProgress(session) {
    const execution = await session.start('count', {}, { metadata: { progressToken: 'count' } });
    expectCounted(await resultOf(execution), 3);
    await pause(SILENCE_MS);
    expect('progress', session.heard(), []);
}

async function taskTakenUpAgain(session) {
    const execution = await session.start('count');
    const reference = execution.serializeReference();
    await execution.detach();
    // Only then does the session let go of the task.
    await execution.result();
    expectCounted(await resultOf(await session.tasks.resumeTask(reference)), 3);
}

async function taskThatFails(session) {
    const execution = await session.start('fail');
    const [, last] = endOf(await session.snapshots(execution));
    expect('last status', last.status, 'completed');
    expectFailure(await resultOf(execution), 'it was not to be');
}

async function taskThatPanics(session) {
    expectFailure(await resultOf(await session.start('panic_later')), 'panicked');
    await plainCall(session);
}

async function cancelledTask(session) {
    const execution = await session.start('watch');
    while ((await session.snapshot(execution)).statusMessage === undefined) {
        await pause(POLL_MS);
    }
    await execution.cancel();
    expect('outcome', (await execution.result()).status, 'cancelled');
    const [, last] = endOf(await session.snapshots(execution));
    expect('last status', last.status, 'cancelled');
    expectIn('message', 'stopped after', last.statusMessage);
    await plainCall(session);
}

async function cancellationOfAnEndedTask(session) {
    const execution = await session.start('count', { to: 1, pause_ms: 1 });
    await resultOf(execution);
    const ended = await session.snapshot(execution);
    await session.tasks.cancelTask(execution.handle.taskId);
    expect('status afterwards', await session.snapshot(execution), ended);
}

async function unknownTask(session) {
    const stranger = session.tasks.task('no-such-task');
    await expectRejection(stranger.snapshot(), INVALID_PARAMS);
    await expectRejection(stranger.cancel(), INVALID_PARAMS);
    await plainCall(session);
}

async function backgroundCallWithoutAToken(session) {
    expectCounted(await session.call('count'), 3);
    expect('progress', session.heard(), []);
}

async function backgroundCallThatFails(session) {
    expectFailure(await session.call('fail'), 'it was not to be');
}

async function cancelledCall(session) {
    const signal = AbortSignal.timeout(CANCEL_MS);
    await expectRejection(session.call('watch', {}, { signal }), 'REQUEST_TIMEOUT');
    await plainCall(session);
}

async function closeWhileATaskRuns(session) {
    const execution = await session.start('watch');
    // Otherwise the session would cancel it.
    await execution.detach();
}

function endOf(snapshots) {
    const working = snapshots.slice(0, -1);
    expect('others while working', working.filter(({ status }) => status !== 'working'), []);
    return [working, snapshots.at(-1)];
}

function expectTimes(...texts) {
    const times = texts.map((text) => Date.parse(text));
    expect('times with a zone', texts.filter((text) => /(Z|[+-]\d\d:\d\d)$/.test(text)), texts);
    expect('order of the times', times, [...times].sort((a, b) => a - b));
}

async function resultOf(execution) {
    const outcome = await execution.result();
    expect('outcome', [outcome.status, outcome.error?.message], ['completed', undefined]);
    return outcome.result;
}

const PLAIN_CHECKS = [
    toolList,
    ...CHECKS_OF_PLAIN_CALLS,
    backgroundCallWithoutAToken,
    backgroundCallWithProgress,
    backgroundCallThatFails,
    cancelledCall,
    close,
];

await run([
    {
        label: `ext-tasks ${TASKS_VERSION}, ${MODERN}`,
        open: (witness) => new TaskSession(witness),
        checks: [
            announcement,
            toolList,
            ...CHECKS_OF_PLAIN_CALLS,
            taskToItsEnd,
            taskThatTheClientWaitsFor,
            taskAskedForProgress,
            taskTakenUpAgain,
            taskThatFails,
            taskThatPanics,
            cancelledTask,
            cancellationOfAnEndedTask,
            unknownTask,
            close,
            closeWhileATaskRuns,
        ],
    },
    {
        label: `client ${VERSION}, ${MODERN}, without the extension`,
        open: (witness) => new ClientSession(witness, MODERN, {}),
        checks: PLAIN_CHECKS,
    },
    {
        // This client declares its extensions to a server of the older protocol, too.
        label: `client ${VERSION}, ${LEGACY}, with the extension`,
        open: (witness) => new ClientSession(witness, LEGACY, WITH_TASKS),
        checks: PLAIN_CHECKS,
    },
]);
