using System.Globalization;
using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Tests.Sqlite;

/// <summary>Real processes on one file: killed, stopped, and in a crowd.</summary>
[Collection(nameof(Alone))]
public sealed class ProcessTests : IDisposable
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(4);

    private static readonly BootTimeProvider Clock = new();

    private readonly SqliteFolder _folder = new();
    private readonly string _file;

    public ProcessTests() => _file = _folder.In("app.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task After_a_kill_the_next_one_is_let_in_and_has_a_larger_token()
    {
        await using var client = new ConclaveClient(new SqliteStore(_file));
        await using var holder = Worker.StartHolder(_file, "x", Ttl);
        var (token, _) = await holder.GrantedAsync();
        Assert.Null(await client.Lock("x").TryAcquireAsync());
        await using var next = await StartWaiterAsync(client);

        long killed = Clock.GetTimestamp();
        holder.Kill();
        var (nextToken, granted) = await next.GrantedAsync();

        Assert.True(Clock.GetElapsedTime(killed, granted) < Ttl + TimeSpan.FromSeconds(1), $"took {Clock.GetElapsedTime(killed, granted)}");
        Assert.True(nextToken > token);
    }

    [Fact]
    public async Task After_a_stop_beyond_its_time_to_live_a_holder_sees_the_loss_at_its_first_look_and_its_late_write_is_refused()
    {
        string resource = _folder.In("resource.txt");
        await using var client = new ConclaveClient(new SqliteStore(_file));
        await using var holder = Worker.StartHolder(_file, "x", Ttl);
        var (token, _) = await holder.GrantedAsync();
        Assert.Equal("accepted", await holder.AskAsync($"write {resource} first"));
        await using var next = await StartWaiterAsync(client);

        long stopped = Clock.GetTimestamp();
        holder.Stop();
        var (nextToken, granted) = await next.GrantedAsync();
        Assert.True(Clock.GetElapsedTime(stopped, granted) < Ttl + TimeSpan.FromSeconds(1), $"took {Clock.GetElapsedTime(stopped, granted)}");
        Assert.True(nextToken > token);
        Assert.Equal("accepted", await next.AskAsync($"write {resource} second"));
        holder.Continue();

        Assert.Equal("False Lost", await holder.AskAsync("look"));
        Assert.Equal("refused", await holder.AskAsync($"write {resource} third"));

        // and without the check it would have been written over the later one
        File.Copy(resource, _folder.In("careless.txt"));
        Assert.Equal("accepted", await holder.AskAsync($"overwrite {_folder.In("careless.txt")} third"));
        Assert.Equal([$"{token} first", $"{nextToken} second", $"{token} third"], await File.ReadAllLinesAsync(_folder.In("careless.txt")));
        Assert.Equal("False", await holder.AskAsync("release"));
        Assert.Equal("True Safe", await next.AskAsync("look"));
        Assert.Equal(2, (await File.ReadAllLinesAsync(resource)).Length);
    }

    [Fact]
    public async Task Twenty_processes_of_random_traffic_never_hold_one_lock_at_the_same_time()
    {
        const int processes = 20;
        const int rounds = 25;
        var workers = Enumerable.Range(0, processes)
            .Select(seed => Worker.Start("traffic", _file, "5", rounds.ToString(CultureInfo.InvariantCulture), seed.ToString(CultureInfo.InvariantCulture)))
            .ToArray();
        var history = new List<Grant>();
        foreach (var worker in workers)
        {
            await using (worker)
            {
                history.AddRange((await worker.ReadToEndAsync()).Select(Grant.Parse));
            }
        }

        Assert.Equal(processes * rounds, history.Count);
        Assert.True(history.Count(g => g.Waited) >= history.Count * 3 / 10, $"only {history.Count(g => g.Waited)} of {history.Count} grants had to wait");
        foreach (var name in history.GroupBy(g => g.Name))
        {
            var inOrder = name.OrderBy(g => g.Token).ToArray();
            foreach (var (before, after) in inOrder.Zip(inOrder.Skip(1)))
            {
                Assert.True(after.Token > before.Token, $"{name.Key}: token {after.Token} was given twice");
                Assert.True(after.Granted >= before.Released, $"{name.Key}: {after} was granted while {before} held it");
            }
        }
    }

    [Fact]
    public async Task Processes_that_are_killed_at_any_moment_leave_a_sound_file_and_no_claim()
    {
        string[] names = ["n0", "n1"];
        var tokens = new Dictionary<string, FencingToken>();
        var random = new Random(7);
        await using (var client = new ConclaveClient(new SqliteStore(_file)))
        {
            for (int round = 0; round < 5; round++)
            {
                var workers = Enumerable.Range(0, 3).Select(i => Worker.Start("traffic", _file, "2", "100000", $"{(round * 3) + i}")).ToArray();
                await Eventually.TrueAsync(async () => (await Task.WhenAll(names.Select(n => client.Lock(n).InspectAsync().AsTask()))).Sum(q => q.Contenders.Length) == 3);

                // any moment will do, and none is waited for
                Thread.SpinWait(random.Next(1_000_000));
                foreach (var worker in workers)
                {
                    // which kills it, while the others go on
                    await worker.DisposeAsync();
                }

                foreach (string name in names)
                {
                    await using var claim = await client.Lock(name).AcquireAsync().InTime();
                    Assert.True(claim.Token > tokens.GetValueOrDefault(name), $"{claim.Token} after {tokens.GetValueOrDefault(name)}");
                    tokens[name] = claim.Token;
                }
            }

            Assert.Empty((await client.Store.CommitAsync(new Transaction(reads: [Read.Scan("lock/")]))).Reads[0]);
        }

        using var connection = Connection.Open(_file);
        Assert.Equal("ok", connection.Execute("PRAGMA integrity_check"));
    }

    private async Task<Worker> StartWaiterAsync(ConclaveClient observer)
    {
        var waiter = Worker.StartHolder(_file, "x", Ttl);
        await Eventually.TrueAsync(async () => (await observer.Lock("x").InspectAsync()).Waiters.Length == 1);
        return waiter;
    }

    private sealed record Grant(string Name, long Token, long Granted, long Released, bool Waited)
    {
        public static Grant Parse(string line)
        {
            string[] parts = line.Split(' ');
            return new(parts[0], Number(parts[1]), Number(parts[3]), Number(parts[4]), bool.Parse(parts[5]));
        }

        private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
    }
}
