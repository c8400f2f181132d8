using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Conclave.Cli.Processes;

/// <summary>
/// A second process that kills the command's group when we cannot: when we are killed, and when we hang or are stopped beyond the safe time
/// of the claim. It holds a copy of the store's liveness handle, so that the store gives the claim to nobody before the group is gone.
/// </summary>
internal sealed class Watchdog : IDisposable
{
    private const int UnixDomain = 1;
    private const int StreamCloseOnExec = 1 | 0x80000;
    private const int SocketLevel = 1;
    private const int ReceiveTimeout = 20;
    private const int NoSignalDoNotWait = 0x4000 | 0x40;

    private readonly SafeFileHandle _ours;
    private readonly SafeFileHandle _theirs;
    private readonly ChildProcess _process;

    private Watchdog(SafeFileHandle ours, SafeFileHandle theirs, ChildProcess process) => (_ours, _theirs, _process) = (ours, theirs, process);

    /// <summary>True when it is no longer there, although nobody dismissed it.</summary>
    public bool HasEnded => _process.End.IsCompleted;

    public int ProcessId => _process.Id;

    /// <summary>Starts a watchdog that does not know its group yet.</summary>
    /// <param name="liveness">What to keep open until the group is gone, or null.</param>
    /// <param name="safeTime">How long it keeps quiet without hearing from us.</param>
    /// <param name="mark">The value of CONCLAVE_GUARD in the environment of the command: our process id, a dash, and something unique.</param>
    /// <param name="ignored">The signals our parent had ignored.</param>
    public static unsafe Watchdog Start(SafeHandle? liveness, TimeSpan safeTime, string mark, SignalSet ignored)
    {
        int* pair = stackalloc int[2];
        if (Posix.SocketPair(UnixDomain, StreamCloseOnExec, 0, pair) != 0)
        {
            throw Failed(Marshal.GetLastPInvokeError());
        }

        var (ours, theirs) = (new SafeFileHandle(pair[0], ownsHandle: true), new SafeFileHandle(pair[1], ownsHandle: true));
        SetTimeout(theirs, safeTime);
        string path = "PATH=" + (Environment.GetEnvironmentVariable("PATH") is { Length: > 0 } p ? p : "/usr/local/bin:/usr/bin:/bin");
        string[] arguments = ["sh", "-c", WatchdogScript.Text, "conclave-watchdog", mark];
        var request = new Spawn.Request("/bin/sh", [.. arguments.Select(Encoding.UTF8.GetBytes)], [Encoding.UTF8.GetBytes(path)], ignored)
        {
            Descriptors = [theirs, liveness],
        };
        int error = Spawn.Start(request, out int process);
        if (error != 0)
        {
            ours.Dispose();
            theirs.Dispose();
            throw Failed(error);
        }

        return new(ours, theirs, new ChildProcess(process));
    }

    /// <summary>Says which group to kill.</summary>
    public void Guard(ProcessGroup group) => Send($"guard {group.Id}\n");

    /// <summary>Says that the claim is safe for so long from now.</summary>
    public void Renew(TimeSpan safeTime)
    {
        SetTimeout(_theirs, safeTime);
        Send("renewed\n");
    }

    /// <summary>The group is gone: sends the watchdog home and waits for its end.</summary>
    public async Task DismissAsync()
    {
        Send("done\n");

        // in case somebody stopped it
        _ = Posix.Kill(_process.Id, Posix.SigCont);
        _ = await _process.End.ConfigureAwait(false);
        Reap();
    }

    /// <summary>Forgets one that has ended.</summary>
    public void Reap() => _process.Reap();

    public void Dispose()
    {
        _ours.Dispose();
        _theirs.Dispose();
    }

    private static unsafe void SetTimeout(SafeFileHandle socket, TimeSpan safeTime)
    {
        // zero would mean forever
        long microseconds = Math.Max(1000, safeTime.Ticks / TimeSpan.TicksPerMicrosecond);
        var value = new Posix.TimeValue { Seconds = (nint)(microseconds / 1_000_000), Microseconds = (nint)(microseconds % 1_000_000) };
        _ = Posix.SetSocketOption(socket, SocketLevel, ReceiveTimeout, &value, (uint)sizeof(Posix.TimeValue));
    }

    private static CliException Failed(int error) =>
        new(ExitCode.InternalError, $"the watchdog process (/bin/sh) cannot be started ({new Win32Exception(error).Message}), and no command runs without it");

    // when it has ended there is nobody to tell; the caller looks at HasEnded
    private unsafe void Send(string line)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(line);
        fixed (byte* start = bytes)
        {
            _ = Posix.Send(_ours, start, bytes.Length, NoSignalDoNotWait);
        }
    }
}
