using System.Globalization;

namespace Conclave.Servers;

/// <summary>How a PostgreSQL is asked to end.</summary>
public enum PostgresShutdown
{
    /// <summary>SIGINT: sessions are ended, transactions rolled back, data written.</summary>
    Fast,

    /// <summary>SIGQUIT: all leave at once; the next start recovers.</summary>
    Immediate,
}

/// <summary>One PostgreSQL. Where the tests run as root, it runs as another user, as it insists on.</summary>
public sealed class PostgresServer : Server
{
    /// <summary>The user that the fixture itself comes as; nobody is asked for its password.</summary>
    private const string Keeper = "fixture";

    private PostgresServer(ServerBinary binary, PostgresOptions options)
        : base(binary, new(1)) => Options = options;

    /// <summary>How it was started.</summary>
    public PostgresOptions Options { get; }

    /// <summary>A connection string for Npgsql: user and database <c>postgres</c>.</summary>
    public string ConnectionString =>
        $"Host={Host};Port={Port};Username=postgres;Database=postgres" + (Options.Password is { } password ? $";Password={password}" : "");

    private protected override string Cleanup =>
        // what only a proper end removes: a few bytes of shared memory, whose number is at the end of a line of this file
        $"memory=$(sed -n '7s/.* //p' '{DataFolder}/postmaster.pid') 2>/dev/null; [ -z \"$memory\" ] || ipcrm -m \"$memory\" 2>/dev/null";

    /// <summary>Starts a server, and waits until it answers.</summary>
    /// <exception cref="ServerMissingException">PostgreSQL is not on this machine.</exception>
    public static Task<PostgresServer> StartAsync(PostgresOptions? options = null, CancellationToken cancellationToken = default)
    {
        var binary = ServerBinaries.Require("postgresql-15");
        return Readiness.StartAsync(() => new PostgresServer(binary, options ?? new()), server => server.StartAsync(cancellationToken));
    }

    /// <summary>Runs a statement on a connection of its own, as a superuser.</summary>
    /// <returns>Its rows, as text.</returns>
    /// <exception cref="InvalidOperationException">The server answered with an error.</exception>
    public async Task<IReadOnlyList<string?[]>> QueryAsync(string sql, CancellationToken cancellationToken = default)
    {
        await using var connection = await PostgresConnection.OpenAsync(Host, Port, Keeper, cancellationToken);
        return await connection.QueryAsync(sql, cancellationToken);
    }

    /// <summary>Makes a standby a primary, and waits until it is one.</summary>
    public Task PromoteAsync(CancellationToken cancellationToken = default) => QueryAsync("select pg_promote()", cancellationToken);

    /// <summary>Asks the server to end, and waits until it has.</summary>
    public async Task ShutdownAsync(PostgresShutdown how = PostgresShutdown.Fast, CancellationToken cancellationToken = default)
    {
        if (IsAlive)
        {
            Posix.Signal(ProcessId, how == PostgresShutdown.Fast ? Posix.Interrupt : Posix.Quit);
            await ExitedAsync(cancellationToken);
        }
    }

    /// <summary>SIGKILL to the process of one connection. The server then ends all others and recovers.</summary>
    /// <param name="backend">What <c>pg_backend_pid()</c> says there.</param>
    public void KillBackend(int backend) => Posix.Signal(Mine(backend), Posix.Killed);

    /// <summary>SIGSTOP to the process of one connection.</summary>
    /// <inheritdoc cref="KillBackend"/>
    public void StopBackend(int backend) => Posix.Signal(Mine(backend), Posix.Stop);

    /// <summary>SIGCONT to the process of one connection.</summary>
    /// <inheritdoc cref="KillBackend"/>
    public void ContinueBackend(int backend) => Posix.Signal(Mine(backend), Posix.Continue);

    private protected override async Task PrepareAsync(CancellationToken cancellationToken)
    {
        if (Unprivileged.User is { } user)
        {
            Posix.ChangeOwner(Folder, user.Id, user.Group);
            Posix.ChangeOwner(DataFolder, user.Id, user.Group);
        }

        // it wants its folder to be closed to others
        File.SetUnixFileMode(DataFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (Options.StandbyOf is { } primary)
        {
            await RunAsync(
                ["pg_basebackup", "-h", primary.Host, "-p", Number(primary.Port), "-U", Keeper, "-D", DataFolder, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
                cancellationToken);
            return;
        }

        await RunAsync(
            ["initdb", "-D", DataFolder, "-U", Keeper, "-A", "trust", "--no-sync", "--no-instructions", "--locale=C", "-E", "UTF8", "--wal-segsize=1"],
            cancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(DataFolder, "pg_hba.conf"),
            $"""
            host all,replication {Keeper} 127.0.0.1/32 trust
            host all,replication all 127.0.0.1/32 {(Options.Password is null ? "trust" : "scram-sha-256")}

            """,
            cancellationToken);
    }

    private protected override IEnumerable<string> CommandLine()
    {
        List<string> command =
        [
            .. Unprivileged.Prefix, "env", "TZ=UTC", .. SteppedClock.Prefix(Options.Clock), .. Binary.Program("postgres"), "-D", DataFolder, "-p", Number(Port),
            "-c", $"listen_addresses={Host}", "-c", "unix_socket_directories=", "-c", $"fsync={(Options.Fsync ? "on" : "off")}",
            // in its folder, so that nothing is left of it when it is killed
            "-c", "dynamic_shared_memory_type=mmap", "-c", "shared_buffers=16MB", "-c", "autovacuum_max_workers=1",
        ];
        foreach (var (name, value) in Options.Settings)
        {
            command.AddRange(["-c", $"{name}={value}"]);
        }

        return command;
    }

    private protected override async Task<bool> ProbeAsync(CancellationToken cancellationToken) =>
        (await QueryAsync("select 1", cancellationToken)).Count == 1;

    private protected override async Task ConfigureAsync(CancellationToken cancellationToken)
    {
        if (Options.StandbyOf is null)
        {
            string password = Options.Password is { } secret ? $"password '{secret.Replace("'", "''", StringComparison.Ordinal)}'" : "";
            await QueryAsync($"create role postgres superuser login replication {password}", cancellationToken);
        }
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private async Task RunAsync(string[] command, CancellationToken cancellationToken) =>
        (await Command.RunAsync([.. Unprivileged.Prefix, "env", "TZ=UTC", .. Binary.Program(command[0]), .. command.Skip(1)], cancellationToken)).OutputOfSuccess();

    private int Mine(int backend) => IsAlive && ProcessTree.ParentOf(backend) == ProcessId
        ? backend
        : throw new ArgumentException($"{backend} is no process of this server.", nameof(backend));
}
