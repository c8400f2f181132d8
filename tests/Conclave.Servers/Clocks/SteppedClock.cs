using System.Runtime.InteropServices;

namespace Conclave.Servers;

/// <summary>A wall clock that can be moved while the programs run that see it: clockstep.c, preloaded into them. Monotonic clocks stay as they are.</summary>
public sealed class SteppedClock : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-clock-");

    private SteppedClock()
    {
        // servers that run as another user read it too
        File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0b111_101_101);
    }

    /// <summary>What a program needs in its environment to see this clock.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string> { ["LD_PRELOAD"] = Library, ["CLOCKSTEP"] = OffsetFile };

    private string Library => Path.Combine(_folder.FullName, "clockstep.so");

    private string OffsetFile => Path.Combine(_folder.FullName, "offset");

    /// <summary>Makes one.</summary>
    /// <returns>The clock, which shows the real time; null where there is no C compiler.</returns>
    /// <exception cref="InvalidOperationException">The compiler failed.</exception>
    public static async Task<SteppedClock?> TryCreateAsync()
    {
        var clock = new SteppedClock();
        try
        {
            string source = Path.Combine(clock._folder.FullName, "clockstep.c");
            await using (var text = typeof(SteppedClock).Assembly.GetManifestResourceStream("clockstep.c")!)
            await using (var file = File.Create(source))
            {
                await text.CopyToAsync(file);
            }

            (await Command.RunAsync(["cc", "-O2", "-shared", "-fPIC", "-o", clock.Library, source])).OutputOfSuccess();
            await File.WriteAllBytesAsync(clock.OffsetFile, new byte[4096]);
            return clock;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            clock.Dispose();
            return null;
        }
        catch
        {
            clock.Dispose();
            throw;
        }
    }

    /// <summary>Moves the clock to so much beside the real one.</summary>
    public void Step(TimeSpan offset)
    {
        // in place: the programs have the file mapped
        using var file = new FileStream(OffsetFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        long nanoseconds = offset.Ticks * TimeSpan.NanosecondsPerTick;
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in nanoseconds)));
    }

    /// <inheritdoc/>
    public void Dispose() => _folder.Delete(recursive: true);

    internal static string[] Prefix(SteppedClock? clock) => clock is null ? [] : ["env", .. clock.Environment.Select(e => $"{e.Key}={e.Value}")];
}
