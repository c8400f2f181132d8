using System.Text;

namespace Conclave.Cli.Processes;

/// <summary>The command to run, byte for byte as it was given to us; .NET's strings would lose what is not UTF-8.</summary>
/// <param name="File">The file to execute.</param>
/// <param name="Arguments">The arguments, its name first.</param>
internal sealed record GuardedCommand(string File, IReadOnlyList<byte[]> Arguments)
{
    /// <summary>Resolves the command line behind the <c>--</c>.</summary>
    /// <param name="commandLine">The last arguments of this process.</param>
    /// <exception cref="CliException">127 or 126: it cannot be run.</exception>
    public static GuardedCommand Resolve(IReadOnlyList<string> commandLine)
    {
        string file = CommandLookup.Find(commandLine[0], Environment.GetEnvironmentVariable("PATH"));
        var raw = RawArguments();
        int first = raw.Count - commandLine.Count;
        bool sameTail = first >= 0;
        for (int i = 0; sameTail && i < commandLine.Count; i++)
        {
            sameTail = Encoding.UTF8.GetString(raw[first + i]) == commandLine[i];
        }

        return new(file, sameTail ? raw[first..] : [.. commandLine.Select(Encoding.UTF8.GetBytes)]);
    }

    /// <summary>All arguments of this process as bytes.</summary>
    public static List<byte[]> RawArguments() => Split("/proc/self/cmdline");

    /// <summary>Our environment with the variables of the guard.</summary>
    public static List<byte[]> EnvironmentWith(params ReadOnlySpan<(string Name, string Value)> variables)
    {
        var environment = Split("/proc/self/environ");
        foreach (var (name, value) in variables)
        {
            byte[] start = Encoding.UTF8.GetBytes(name + "=");
            environment.RemoveAll(v => v.AsSpan().StartsWith(start));
            environment.Add([.. start, .. Encoding.UTF8.GetBytes(value)]);
        }

        return environment;
    }

    private static List<byte[]> Split(string file)
    {
        var parts = new List<byte[]>();
        var rest = System.IO.File.ReadAllBytes(file).AsSpan();
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)0);
            end = end < 0 ? rest.Length : end;
            parts.Add(rest[..end].ToArray());
            rest = rest[Math.Min(end + 1, rest.Length)..];
        }

        return parts;
    }
}
