// Where Monaco finds its workers: beside this script, by the names that build.mjs filled in.
globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(new URL(WORKERS[label] ?? WORKERS.editor, import.meta.url), { name: label }),
};
