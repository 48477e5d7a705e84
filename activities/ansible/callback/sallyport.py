"""Ansible's stdout callback for Sallyport: one JSON object per event and line.

It writes what happened, never what is in a result: results and diffs hold file contents and secrets. It also holds the
other end of the worker's leash: a pipe that nobody writes to. When the worker dies, however it dies, the pipe ends, and
this process ends itself with all that it started.
"""
import json
import os
import select
import signal
import sys
import threading

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: sallyport
type: stdout
short_description: one JSON object per event
description: one JSON object per event and line, without results and diffs
"""


def descendants(root):
    """Every process below root; Ansible's own workers may have left its process group."""
    children = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            with open(f"/proc/{int(name)}/stat", "rb") as stat:
                parent = int(stat.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def end_all():
    for _ in range(2):  # twice, for what was started meanwhile
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def hold_leash(fd):
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLHUP | select.POLLERR)
    poll.poll()
    end_all()


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "sallyport"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        leash = os.environ.get("SALLYPORT_LEASH_FD")
        if leash:
            threading.Thread(target=hold_leash, args=(int(leash),), daemon=True).start()

    def _tell(self, event, **facts):
        sys.stdout.write(json.dumps({"sallyport": 1, "event": event, **facts}, default=str) + "\n")
        sys.stdout.flush()

    def _result(self, event, result, **facts):
        self._tell(event, host=result._host.get_name(), task=result._task.get_name().strip(), **facts)

    def _message(self, result):
        """The first line of what went wrong, for the run's folder; Ansible has censored it where no_log says so."""
        return str(result._result.get("msg", "")).strip().split("\n")[0][:300]

    def v2_playbook_on_play_start(self, play):
        self._tell("play", name=play.get_name().strip())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._tell("task", name=task.get_name().strip())

    def v2_runner_on_ok(self, result):
        self._result("ok", result, changed=bool(result._result.get("changed")))

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("failed", result, ignored=bool(ignore_errors), msg=self._message(result))

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result, msg=self._message(result))

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_playbook_on_stats(self, stats):
        self._tell("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})
