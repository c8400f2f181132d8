using System.Runtime.InteropServices;

namespace Conclave.Cli.Processes;

/// <summary>How a child ended.</summary>
/// <param name="Code">Its exit code, or the signal that ended it.</param>
/// <param name="BySignal">Whether a signal ended it.</param>
internal readonly record struct ChildEnd(int Code, bool BySignal)
{
    public int ExitCode => BySignal ? Cli.ExitCode.OfSignal(Code) : Code;
}

/// <summary>
/// A child of ours, watched by a thread of its own. Its end is seen without reaping it, so that its id, and its group's, stay its own until
/// <see cref="Reap"/>: no signal can hit a stranger.
/// </summary>
internal sealed unsafe class ChildProcess
{
    private const int OneProcess = 1;
    private const int Ended = 4;
    private const int Stopped = 2;
    private const int LeaveThere = 0x01000000;
    private const int EndedByExit = 1;
    private const int WasStopped = 5;
    private const int InfoBytes = 128;

    private readonly TaskCompletionSource<ChildEnd> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<int>? _onStop;

    /// <summary>Starts to watch a child.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="onStop">Called on the watching thread with the signal that stopped it, or null.</param>
    public ChildProcess(int id, Action<int>? onStop = null)
    {
        (Id, _onStop) = (id, onStop);
        new Thread(Watch, 128 * 1024) { IsBackground = true, Name = "conclave child" }.Start();
    }

    public int Id { get; }

    /// <summary>Completes when the child has ended.</summary>
    public Task<ChildEnd> End => _end.Task;

    /// <summary>Gives its id back to the system. Only after its end.</summary>
    public void Reap()
    {
        byte* info = stackalloc byte[InfoBytes];
        _ = Posix.WaitId(OneProcess, Id, info, Ended);
    }

    private void Watch()
    {
        byte* info = stackalloc byte[InfoBytes];
        while (true)
        {
            if (Posix.WaitId(OneProcess, Id, info, Ended | Stopped | LeaveThere) != 0)
            {
                if (Marshal.GetLastPInvokeError() == Posix.Eintr)
                {
                    continue;
                }

                // somebody else reaped it, which nobody should: it is gone, and how is not known
                _end.TrySetResult(new(Cli.ExitCode.InternalError, BySignal: false));
                return;
            }

            int code = *(int*)(info + 8);
            int status = *(int*)(info + (sizeof(nint) == 8 ? 24 : 20));
            if (code != WasStopped)
            {
                _end.TrySetResult(new(status, code != EndedByExit));
                return;
            }

            _ = Posix.WaitId(OneProcess, Id, info, Stopped);
            _onStop?.Invoke(status);
        }
    }
}
