"""Runs a model in onnxruntime whenever a line asks for it, on one thread.

Each line of the input is a JSON object: `model`, `input` (a file of f32), `name` and `shape` of the
input, `output`, `runs`. Each is answered by one line: `version`, `us`, the thread's CPU time of each
run in microseconds, and `answer`, the numbers of the last one.
"""

import json
import sys
import time

import numpy as np
import onnxruntime

sessions = {}


def session(path):
    if path not in sessions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        sessions[path] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return sessions[path]


for line in sys.stdin:
    ask = json.loads(line)
    values = np.fromfile(ask["input"], dtype="<f4").reshape(ask["shape"])
    run, feed = session(ask["model"]).run, {ask["name"]: values}
    answer, times = None, []
    for _ in range(ask["runs"]):
        start = time.thread_time_ns()
        answer = run([ask["output"]], feed)[0]
        times.append((time.thread_time_ns() - start) / 1e3)
    told = {"version": onnxruntime.__version__, "us": times, "answer": answer.ravel().tolist()}
    print(json.dumps(told), flush=True)
