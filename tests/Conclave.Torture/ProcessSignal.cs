using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Conclave.Torture;

/// <summary>Signals to a process that is ours.</summary>
internal static partial class ProcessSignal
{
    public static void Send(Process process, int signal)
    {
        if (!process.HasExited)
        {
            _ = Kill(process.Id, signal);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
