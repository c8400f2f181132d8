using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Conclave.Servers;
using Conclave.Storage;
using Npgsql;

namespace Conclave.Postgres.Tests;

/// <summary>Opens stores and plain connections on a server.</summary>
internal static class Database
{
    public static PostgresStoreOptions Options(this PostgresServer server, string space) => new()
    {
        Hosts = [new(server.Host, server.Port)],
        Database = "postgres",
        User = "postgres",
        Password = server.Options.Password,
        Namespace = space,
    };

    public static PostgresStore Open(this PostgresServer server, string space, Func<PostgresStoreOptions, PostgresStoreOptions>? change = null)
    {
        var options = server.Options(space);
        return new(change?.Invoke(options) ?? options);
    }

    public static async Task<string?> ScalarAsync(this PostgresServer server, string sql) => (await server.QueryAsync(sql))[0][0];

    public static async Task<long> NumberAsync(this PostgresServer server, string sql) =>
        long.Parse((await server.ScalarAsync(sql))!, CultureInfo.InvariantCulture);

    /// <summary>How many connections of stores there are.</summary>
    public static Task<long> ConnectionsAsync(this PostgresServer server) =>
        server.NumberAsync("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'conclave'");
}

/// <summary>Waits for a condition, with a deadline that only a hang reaches.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(40);

    public static Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string? what = null) =>
        TrueAsync(() => new ValueTask<bool>(condition()), what);

    public static async Task TrueAsync(Func<ValueTask<bool>> condition, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(watch.Elapsed < Deadline, $"Not within {Deadline.TotalSeconds} s: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Deadline);

    public static Task InTime(this Task task) => task.WaitAsync(Deadline);

    public static Task<T> InTime<T>(this ValueTask<T> task) => task.AsTask().WaitAsync(Deadline);
}
