using System.Globalization;

namespace Conclave.Servers;

/// <summary>A process and all that descend from it, in whatever groups and sessions they are.</summary>
internal static class ProcessTree
{
    /// <summary>Freezes the tree: whoever is stopped starts nothing new, so that none escapes.</summary>
    /// <returns>The processes.</returns>
    public static HashSet<int> Stop(int root)
    {
        var stopped = new HashSet<int>();
        bool more = true;
        while (more)
        {
            more = false;
            foreach (int process in Of(root))
            {
                more |= stopped.Add(process) && Posix.Signal(process, Posix.Stop);
            }
        }

        return stopped;
    }

    public static void Continue(int root)
    {
        foreach (int process in Of(root))
        {
            Posix.Signal(process, Posix.Continue);
        }
    }

    /// <returns>The processes, which are about to be gone.</returns>
    public static HashSet<int> Kill(int root)
    {
        var processes = Stop(root);
        foreach (int process in processes)
        {
            Posix.Signal(process, Posix.Killed);
        }

        return processes;
    }

    /// <summary>Waits until killed processes hold nothing any more.</summary>
    public static async Task GoneAsync(IEnumerable<int> processes)
    {
        foreach (int process in processes)
        {
            while (IsAlive(process))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
            }
        }
    }

    public static bool IsAlive(int process) => Read(process) is { State: not ('Z' or 'X') };

    /// <summary>The process that started another; 0 if that is gone.</summary>
    public static int ParentOf(int process) => Read(process)?.Parent ?? 0;

    /// <summary>The process and its descendants, parents first.</summary>
    public static List<int> Of(int root)
    {
        var children = Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out int process) ? process : 0)
            .Where(process => process > 0)
            .ToLookup(ParentOf);
        List<int> found = [root];
        for (int i = 0; i < found.Count; i++)
        {
            found.AddRange(children[found[i]]);
        }

        return found;
    }

    private static (char State, int Parent)? Read(int process)
    {
        try
        {
            // the name is in brackets and may hold anything
            string[] fields = File.ReadAllText($"/proc/{process}/stat").Split(')')[^1].Split(' ', 4);
            return (fields[1][0], int.Parse(fields[2], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
