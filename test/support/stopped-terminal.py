"""Runs a program in a terminal whose output is stopped with Ctrl-S after the first byte, and prints what it writes to file 9."""
import os, pty, sys

read_end, write_end = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.close(read_end)
    os.dup2(write_end, 9)
    os.set_inheritable(9, True)
    os.execvp(sys.argv[1], sys.argv[1:])
os.close(write_end)
os.read(terminal, 1)
os.write(terminal, b"\x13")
while chunk := os.read(read_end, 4096):
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
