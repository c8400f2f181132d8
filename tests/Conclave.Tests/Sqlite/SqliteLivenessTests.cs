using Conclave.Sqlite;
using Conclave.Storage;

namespace Conclave.Tests.Sqlite;

public sealed class SqliteLivenessTests : IDisposable
{
    private readonly SqliteFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_first_session_makes_a_liveness_file_and_dispose_removes_it()
    {
        var store = _folder.Open();
        Assert.Null(store.LivenessHandle);
        await store.GetAsync("a");
        Assert.Empty(_folder.LivenessFiles());

        await store.OpenSessionAsync(TimeSpan.FromSeconds(5));
        await store.OpenSessionAsync(TimeSpan.FromSeconds(5));
        Assert.Single(_folder.LivenessFiles());
        Assert.False(store.LivenessHandle!.IsClosed);

        await store.DisposeAsync();
        Assert.Equal(["store.db"], _folder.Names());
    }

    [Fact]
    public async Task Sessions_whose_owner_is_gone_end_when_somebody_opens_a_session()
    {
        await using var dead = _folder.Open();
        await using var other = _folder.Open();
        await Hold(dead, "held");
        dead.LivenessHandle!.Close();
        Assert.NotNull(await other.GetAsync("held"));

        await other.OpenSessionAsync(TimeSpan.FromSeconds(5));

        Assert.Null(await other.GetAsync("held"));
        Assert.Single(_folder.LivenessFiles());
    }

    [Fact]
    public async Task Sessions_whose_owner_is_gone_end_while_somebody_waits()
    {
        await using var dead = _folder.Open();
        await using var other = _folder.Open();
        await Hold(dead, "held");
        var gone = SqliteFolder.UntilKey(other, "held", exists: false);
        await SqliteFolder.Until(() => other.Feed.IsRunning);

        dead.LivenessHandle!.Close();

        await gone.WaitAsync(SqliteFolder.Patience);
    }

    [Fact]
    public async Task Sessions_of_the_living_stay()
    {
        await using var living = _folder.Open();
        await using var other = _folder.Open();
        var session = await Hold(living, "held");
        for (int i = 0; i < 5; i++)
        {
            await other.OpenSessionAsync(TimeSpan.FromSeconds(5));
        }

        Assert.NotNull(await other.GetAsync("held"));
        Assert.True(await living.RenewSessionAsync(session));
    }

    [Fact]
    public async Task A_process_that_is_killed_loses_its_sessions_at_once()
    {
        await using var owner = _folder.Open();
        await using var other = _folder.Open();
        await Hold(owner, "held");
        string owned = Assert.Single(_folder.LivenessFiles());

        // a process that holds a lock on the liveness file like a child that inherited it
        owner.LivenessHandle!.Close();
        using var child = System.Diagnostics.Process.Start("flock", ["--exclusive", _folder.In(owned), "sleep", "1000"]);
        try
        {
            await SqliteFolder.Until(() => IsLocked(_folder.In(owned)));
            await other.OpenSessionAsync(TimeSpan.FromSeconds(5));
            Assert.NotNull(await other.GetAsync("held"));
        }
        finally
        {
            child.Kill(entireProcessTree: true);
            await child.WaitForExitAsync();
        }

        await SqliteFolder.UntilKey(other, "held", exists: false).WaitAsync(SqliteFolder.Patience);
    }

    [Fact]
    public async Task A_missing_liveness_file_leaves_the_session_to_its_time_to_live()
    {
        var time = new SteppedTime();
        await using var owner = _folder.Open(time);
        await using var other = _folder.Open(time);
        await Hold(owner, "held");
        File.Delete(_folder.In(_folder.LivenessFiles()[0]));

        await other.OpenSessionAsync(TimeSpan.FromSeconds(60));
        Assert.NotNull(await other.GetAsync("held"));

        time.Advance(TimeSpan.FromSeconds(31));
        Assert.Null(await other.GetAsync("held"));
    }

    [Fact]
    public async Task Files_without_sessions_are_cleaned_up()
    {
        File.WriteAllText(_folder.In("store.db-live-0123456789abcdef"), "");
        File.WriteAllText(_folder.In("store.db-live-notes"), "mine");
        await using var store = _folder.Open();
        await store.OpenSessionAsync(TimeSpan.FromSeconds(5));
        Assert.False(File.Exists(_folder.In("store.db-live-0123456789abcdef")));
        Assert.True(File.Exists(_folder.In("store.db-live-notes")));
    }

    private static bool IsLocked(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    private static async Task<SessionId> Hold(SqliteStore store, string key)
    {
        var session = (await store.OpenSessionAsync(TimeSpan.FromSeconds(30))).Id;
        await store.PutAsync(key, default, session);
        return session;
    }
}
