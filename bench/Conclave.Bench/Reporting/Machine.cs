using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Conclave.Bench;

/// <summary>Where a page was measured.</summary>
/// <param name="Processors">How many, and which.</param>
/// <param name="System">Kernel and file system.</param>
/// <param name="Runtime">.NET.</param>
/// <param name="Date">The day, UTC.</param>
/// <param name="Commit">What was measured.</param>
/// <param name="Load">How busy the machine was before: its load over a minute.</param>
internal sealed record Machine(string Processors, string System, string Runtime, string Date, string Commit, string Load)
{
    public static Machine Now()
    {
        string model = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown";
        string memory = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        string temporary = new DriveInfo(Path.GetTempPath()).DriveFormat;
        return new(
            Report.Of($"{Environment.ProcessorCount} processors, {model}, {double.Parse(memory, CultureInfo.InvariantCulture) / 1048576:0} GiB"),
            $"Linux {File.ReadAllText("/proc/sys/kernel/osrelease").Trim()}, temporary files on {temporary}",
            $"{RuntimeInformation.FrameworkDescription}, Release",
            Report.Of($"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}"),
            CommitNow(),
            File.ReadAllText("/proc/loadavg").Split(' ')[0]);
    }

    private static string CommitNow()
    {
        try
        {
            using var git = Process.Start(new ProcessStartInfo("git", ["describe", "--always", "--dirty", "--exclude=*"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string commit = git.StandardOutput.ReadToEnd().Trim();
            git.WaitForExit();
            return commit.Length > 0 ? commit : "none";
        }
        catch (Win32Exception)
        {
            return "none";
        }
    }
}
