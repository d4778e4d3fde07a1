// A server that speaks over HTTP itself.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

// In milliseconds: more than the grace of a server.
const LONGEST_END = 15_000;

// Serves until it is closed, which tells what the server ended with.
export async function serve([command, ...args]) {
    const port = await freePort();
    const child = spawn(command, [...args, '--http', `127.0.0.1:${port}`], { stdio: ['ignore', 'inherit', 'inherit'] });
    const ended = new Promise((ended) => child.on('close', (status, signal) => ended([status ?? signal])));
    const url = `http://127.0.0.1:${port}/mcp`;
    await Promise.race([isServed(url), ended]);
    const close = () => {
        child.kill('SIGTERM');
        globalThis.setTimeout(() => child.kill('SIGKILL'), LONGEST_END).unref();
        return ended;
    };
    return { url, close };
}

async function freePort() {
    const server = createServer();
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address();
    await new Promise((closed) => server.close(closed));
    return port;
}

async function isServed(url) {
    for (;;) {
        try {
            return await fetch(url, { method: 'POST' });
        } catch {
            await sleep(20);
        }
    }
}
