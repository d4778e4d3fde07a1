// What the JavaScript drivers share: the loop that does what it is told.
//
// usage of a driver: node DRIVER.mjs MODE
//
// The protocol is that of driver.py, where it is described.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

// What the clients do alike; a driver adds the rest.
export class Session {
    // What the user is to answer, and what the user was asked.
    answers = [];
    asked = [];

    // Shows a form to the user.
    async fillIn(params) {
        this.asked.push(params);
        const { after_seconds: seconds = 0, ...answer } = this.answers.shift();
        await sleep(seconds * 1000);
        return answer;
    }

    async list_tools() {
        return { tools: (await this.client.listTools()).tools.map((tool) => tool.name) };
    }

    async call({ tool, arguments: given, progress, ...cancel }) {
        const heard = [];
        const options = {};
        const abort = new AbortController();
        if (progress) {
            options.onprogress = ({ progress, message }) => {
                heard.push({ progress, message });
                if (heard.length === cancel.cancel_after_heard) {
                    abort.abort();
                }
            };
        }
        if (cancel.cancel_after_heard !== undefined) {
            options.signal = abort.signal;
        }
        if (cancel.cancel_after_seconds !== undefined) {
            options.signal = AbortSignal.timeout(cancel.cancel_after_seconds * 1000);
        }
        try {
            return { heard, result: await this.ask(tool, given, options) };
        } catch (error) {
            if (options.signal?.aborted && error.code === this.codeOfACancelledCall) {
                return { heard, cancelled: true };
            }
            throw error;
        }
    }

    async close() {
        // Over HTTP, the session would stay.
        await this.transport.terminateSession?.();
        await this.transport.close();
        return {};
    }
}

// The version of a package beside the driver.
export function versionOf(name) {
    const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
    return JSON.parse(readFileSync(manifest, 'utf8')).version;
}

async function answerTo(session, { answers = [], ...command }) {
    session.answers = answers;
    session.asked = [];
    const answer = await madeOf(session, command);
    return session.asked.length > 0 ? { ...answer, asked: session.asked } : answer;
}

async function madeOf(session, { do: method, ...given }) {
    try {
        return await session[method](given);
    } catch (error) {
        return { error: { code: error?.code, message: `${error?.stack ?? error}` } };
    }
}

function tell(answer) {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}

export async function run(client, abilities, open) {
    tell({ client, abilities });
    let session;
    for await (const line of createInterface({ input: process.stdin })) {
        const command = JSON.parse(line);
        if (command.do === 'connect') {
            session = open(command, command.forms);
        }
        tell(await answerTo(session, command));
    }
    process.exit(0);
}
