using System.Diagnostics;

namespace Conclave.Samples.Tests;

/// <summary>The console program of the page, in a process of its own.</summary>
internal static class KitProgram
{
    public static Process Start(string? bug = null, string? keepStoresIn = null)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Conclave.Samples.RunTheKit")) { RedirectStandardOutput = true };
        start.Environment["PLANTED_BUG"] = bug;
        if (keepStoresIn is not null)
        {
            // the harness makes and removes its own folders elsewhere: a store that is half removed says nothing about a kill
            start.Environment["KEEP_STORES_IN"] = Directory.CreateDirectory(Path.Combine(keepStoresIn, "kept")).FullName;
            start.Environment["TMPDIR"] = Directory.CreateDirectory(Path.Combine(keepStoresIn, "tmp")).FullName;
        }

        return Process.Start(start)!;
    }
}
