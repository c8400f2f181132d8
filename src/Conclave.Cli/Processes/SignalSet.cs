using System.Globalization;

namespace Conclave.Cli.Processes;

/// <summary>A set of signals, as the kernel prints it in <c>/proc/PID/status</c>.</summary>
/// <param name="Bits">Bit n - 1 stands for signal n.</param>
internal readonly record struct SignalSet(ulong Bits)
{
    public bool Contains(int signal) => (Bits >> (signal - 1) & 1) != 0;

    /// <summary>The signals this process ignores: read it before handlers are installed, and it is what the parent wanted (nohup, background jobs).</summary>
    public static SignalSet IgnoredByUs()
    {
        const string field = "SigIgn:";
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith(field, StringComparison.Ordinal))
            {
                return new(ulong.Parse(line.AsSpan(field.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            }
        }

        return default;
    }
}
