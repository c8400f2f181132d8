using System.Diagnostics;
using System.Runtime.InteropServices;
using Conclave.Servers;

namespace Conclave.Timekeeping.Tests;

/// <summary>A real chrony whose wall clock can be moved while it runs, because clockstep.c is preloaded into it.</summary>
internal sealed class SteppedChrony : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("conclave-time-");
    private ChronyServer? _server;

    public string Address => $"{_server!.Host}:{_server.Port}";

    private string Library => Path.Combine(_folder.FullName, "clockstep.so");

    private string OffsetFile => Path.Combine(_folder.FullName, "offset");

    public static async Task<SteppedChrony> StartAsync()
    {
        var chrony = new SteppedChrony();
        try
        {
            using var compiler = Process.Start("cc", ["-O2", "-shared", "-fPIC", "-o", chrony.Library, Path.Combine(AppContext.BaseDirectory, "clockstep.c")]);
            await compiler.WaitForExitAsync();
            Assert.Equal(0, compiler.ExitCode);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            await chrony.DisposeAsync();
            Assert.Skip("NOT TESTED: a chrony with another clock needs a C compiler ('cc') for clockstep.c, and there is none");
        }

        await File.WriteAllBytesAsync(chrony.OffsetFile, new byte[4096]);
        chrony._server = await ChronyServer.StartAsync([$"LD_PRELOAD={chrony.Library}", $"CLOCKSTEP={chrony.OffsetFile}"]);
        return chrony;
    }

    public void Step(TimeSpan by)
    {
        // in place: the server has the file mapped
        using var file = new FileStream(OffsetFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        long nanoseconds = by.Ticks * 100;
        file.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<long>(in nanoseconds)));
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is { } server)
        {
            await server.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }
}
