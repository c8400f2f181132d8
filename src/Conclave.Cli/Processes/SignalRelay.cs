using System.Runtime.InteropServices;

namespace Conclave.Cli.Processes;

/// <summary>
/// Signals that are sent to us: while we wait for the lock they end the wait, while the command runs they are passed on to its group.
/// </summary>
internal sealed class SignalRelay : IDisposable
{
    private static readonly int[] Relayed =
        [Posix.SigHup, Posix.SigInt, Posix.SigQuit, Posix.SigTerm, Posix.SigUsr1, Posix.SigUsr2, Posix.SigWinch];

    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly CancellationTokenSource _interrupted = new();
    private readonly Lock _lock = new();
    private ProcessGroup? _group;
    private bool _ended;

    public SignalRelay()
    {
        Ignored = SignalSet.IgnoredByUs();
        foreach (int signal in Relayed.Where(s => !Ignored.Contains(s)))
        {
            _registrations.Add(PosixSignalRegistration.Create((PosixSignal)signal, context =>
            {
                context.Cancel = true;
                Receive(signal);
            }));
        }
    }

    /// <summary>The signals our parent had ignored (nohup, background jobs of scripts): the command ignores them too, and so do we.</summary>
    public SignalSet Ignored { get; }

    /// <summary>The signal that came before the command was started, or 0.</summary>
    public int Received { get; private set; }

    /// <summary>Cancelled by the first signal that comes before the command is started.</summary>
    public CancellationToken Interrupted => _interrupted.Token;

    /// <summary>From now on Ctrl-Z does not stop us: we renew the claim.</summary>
    /// <param name="onSuspend">Called instead.</param>
    public void RefuseSuspension(Action onSuspend)
    {
        if (!Ignored.Contains(Posix.SigTstp))
        {
            _registrations.Add(PosixSignalRegistration.Create((PosixSignal)Posix.SigTstp, context =>
            {
                context.Cancel = true;
                onSuspend();
            }));
        }
    }

    /// <summary>From now on signals go to the group. A signal that came before it was known is delivered now.</summary>
    public void PassTo(ProcessGroup group)
    {
        lock (_lock)
        {
            _group = group;
            if (Received != 0)
            {
                group.Signal(Received);
            }
        }
    }

    /// <summary>The group is gone: signals are swallowed until we have exited, which is soon.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            (_group, _ended) = (null, true);
        }
    }

    public void Dispose()
    {
        _registrations.ForEach(r => r.Dispose());
        _interrupted.Dispose();
    }

    private void Receive(int signal)
    {
        lock (_lock)
        {
            if (_ended || (signal == Posix.SigWinch && _group is null))
            {
                return;
            }

            if (_group is { } group)
            {
                group.Signal(signal);
            }
            else if (Received == 0)
            {
                Received = signal;
                _interrupted.CancelAsync();
            }
        }
    }
}
