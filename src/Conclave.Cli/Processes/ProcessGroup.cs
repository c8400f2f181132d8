using System.Globalization;

namespace Conclave.Cli.Processes;

/// <summary>A process group: a command with everything it started that did not leave on purpose (setsid, setpgid).</summary>
/// <param name="Id">The id of the group and of the process that leads it.</param>
internal readonly record struct ProcessGroup(int Id)
{
    /// <summary>Sends a signal to all members. Nothing happens when there is none.</summary>
    public void Signal(int signal) => _ = Posix.Kill(-Id, signal);

    /// <summary>Asks all members to end, also those that are stopped.</summary>
    public void Terminate()
    {
        Signal(Posix.SigTerm);
        Signal(Posix.SigCont);
    }

    /// <summary>
    /// Whether a member can still run. A zombie cannot: its parent, or in a container an init that never reaps, may leave it there forever.
    /// </summary>
    public bool IsAlive()
    {
        if (Posix.Kill(-Id, 0) != 0 && System.Runtime.InteropServices.Marshal.GetLastPInvokeError() == Posix.Esrch)
        {
            return false;
        }

        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (char.IsAsciiDigit(directory[^1]) && IsLivingMember(directory))
            {
                return true;
            }
        }

        return false;
    }

    private bool IsLivingMember(string directory)
    {
        try
        {
            // "pid (name) state parent group …", and a name may hold anything, ')' included
            string stat = File.ReadAllText(directory + "/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ', 4);
            return int.Parse(fields[2], CultureInfo.InvariantCulture) == Id
                && (fields[0] is not ("Z" or "X") || Directory.GetDirectories(directory + "/task").Length > 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // ended meanwhile
            return false;
        }
    }
}
