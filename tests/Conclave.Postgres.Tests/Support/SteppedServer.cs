using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres.Tests;

/// <summary>A server whose wall clock can be moved while it runs: clockstep.c is preloaded into it.</summary>
internal sealed class SteppedServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("conclave-stepped-").FullName;
    private Process? _process;

    public int Port { get; private set; }

    private string ClockFile => Path.Combine(_folder, "clock");

    /// <summary>Starts one; the test is skipped where there is no C compiler or no PostgreSQL.</summary>
    public static async Task<SteppedServer> StartAsync()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/gcc"), "SKIPPED: no C compiler is here to build clockstep.c");
        var binary = Servers.ServerBinaries.Require("postgresql-15");
        var server = new SteppedServer();
        try
        {
            await server.StartAsync(binary);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Moves the wall clock of the server to so much beside the real one.</summary>
    public void Step(TimeSpan offset)
    {
        using var file = File.Open(ClockFile, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Write(BitConverter.GetBytes(offset.Ticks * 100));
    }

    public PostgresStoreOptions Options(string space) => new() { Hosts = [new StoreHost("127.0.0.1", Port)], User = "keeper", Database = "postgres", Namespace = space };

    public async Task<object?> ScalarAsync(string sql)
    {
        await using var connection = new NpgsqlConnection($"Host=127.0.0.1;Port={Port};Username=keeper;Database=postgres;Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false } process)
        {
            using var stop = Process.Start("kill", ["-INT", $"{process.Id}"]);
            await stop.WaitForExitAsync();
            await process.WaitForExitAsync();
        }

        _process?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartAsync(Servers.ServerBinary binary)
    {
        string library = Path.Combine(_folder, "clockstep.so");
        await RunAsync("gcc", "-O2", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "clockstep.c"));
        await File.WriteAllBytesAsync(ClockFile, new byte[4096]);
        string data = Path.Combine(_folder, "data");
        bool isRoot = Environment.IsPrivilegedProcess;
        string[] prefix = isRoot ? ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig=INT"] : ["--pdeathsig=INT"];
        if (isRoot)
        {
            await RunAsync("chown", "-R", "postgres:postgres", _folder);
        }

        await RunAsync("setpriv", [.. prefix[..^1], Path.Combine(binary.Folder, "initdb"), "-D", data, "-U", "keeper", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"]);
        using (var socket = new TcpListener(IPAddress.Loopback, 0))
        {
            socket.Start();
            Port = ((IPEndPoint)socket.LocalEndpoint).Port;
        }

        var start = new ProcessStartInfo("setpriv",
        [
            .. prefix, Path.Combine(binary.Folder, "postgres"), "-D", data, "-p", $"{Port}", "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", $"log_directory={_folder}", "-c", "logging_collector=on",
        ])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["LD_PRELOAD"] = library;
        start.Environment["CLOCKSTEP"] = ClockFile;
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += static (_, _) => { };
        _process.BeginErrorReadLine();
        await Eventually.TrueAsync(async () =>
        {
            Assert.False(_process.HasExited, "the server ended");
            try
            {
                return await ScalarAsync("SELECT 1") is 1;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        });
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program}: {error}");
    }
}
