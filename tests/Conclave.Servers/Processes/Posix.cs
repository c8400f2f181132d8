using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Conclave.Servers;

/// <summary>What .NET does not offer of the system.</summary>
internal static partial class Posix
{
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int Killed = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    private const int NoSuchProcess = 3;

    /// <returns>False if there is no such process (any more).</returns>
    public static bool Signal(int process, int signal) =>
        SendSignal(process, signal) == 0
        || (Marshal.GetLastPInvokeError() == NoSuchProcess ? false : throw new Win32Exception(Marshal.GetLastPInvokeError()));

    public static void ChangeOwner(string path, int user, int group)
    {
        if (SetOwner(path, user, group) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"The owner of {path} could not be changed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetOwner(string path, int user, int group);
}
