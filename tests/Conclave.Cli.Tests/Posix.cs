using System.Runtime.InteropServices;

namespace Conclave.Cli.Tests;

/// <summary>Signals, and what the kernel knows about processes.</summary>
internal static partial class Posix
{
    public const int Hup = 1;
    public const int Int = 2;
    public const int Quit = 3;
    public const int Kill = 9;
    public const int Usr1 = 10;
    public const int Usr2 = 12;
    public const int Term = 15;
    public const int Cont = 18;
    public const int Stop = 19;

    private const int SetChildSubreaper = 36;

    public static void Send(int process, int signal) => _ = SendSignal(process, signal);

    /// <summary>Makes this process the parent of orphans, and one that never reaps them, like an init in a container that was not made for it.</summary>
    public static void AdoptOrphans(bool adopt) => Assert.Equal(0, Control(SetChildSubreaper, adopt ? 1u : 0, 0, 0, 0));

    /// <summary>The processes that are neither gone nor zombies and fit a condition.</summary>
    public static List<int> Living(Func<string, bool> fits)
    {
        var found = new List<int>();
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), out int process) && StateOf(process) is not (null or 'Z' or 'X') && Fits(directory, fits))
            {
                found.Add(process);
            }
        }

        return found;
    }

    /// <summary>The living members of a process group.</summary>
    public static List<int> MembersOf(int group) => Living(directory => StatOf(directory) is { } stat && stat[2] == $"{group}");

    /// <summary>The state letter of a process, or null when there is none.</summary>
    public static char? StateOf(int process) => StatOf($"/proc/{process}") is { } stat ? stat[0][0] : null;

    private static bool Fits(string directory, Func<string, bool> fits)
    {
        try
        {
            return fits(directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string[]? StatOf(string directory)
    {
        try
        {
            string stat = File.ReadAllText(directory + "/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Control(int option, nuint a, nuint b, nuint c, nuint d);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int process, int signal);
}
