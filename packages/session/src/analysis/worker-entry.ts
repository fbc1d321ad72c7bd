import { parentPort, workerData } from 'node:worker_threads';
import { createPostgresAnalyser } from '@weir/sql';
import type { FromWorker, ToWorker, WorkerOptions } from './worker-messages.ts';

/** Entry of an analysis thread: one analyser, one request at a time, answers in order. */
const port = parentPort;
if (port === null) throw new Error('worker-entry runs as a worker thread only');
const analyser = await createPostgresAnalyser(workerData as WorkerOptions);
const send = (message: FromWorker) => port.postMessage(message);

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'load':
      analyser.loadCatalog(message.catalog);
      break;
    case 'drop':
      analyser.dropCatalog(message.version);
      break;
    default:
      send({ kind: 'result', id: message.id, result: analyser.analyse(message.request) });
  }
});
send({ kind: 'ready' });
