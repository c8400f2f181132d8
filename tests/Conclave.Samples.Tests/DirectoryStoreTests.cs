using Conclave.Storage;

namespace Conclave.Samples.Tests;

/// <summary>What the kit cannot know about this engine: reboots, files that cannot be written, processes that do not let go.</summary>
public sealed class DirectoryStoreTests
{
    [Fact]
    public async Task Two_clients_exclude_each_other_and_hand_over()
    {
        using var folder = new TestFolder();
        await using var one = new ConclaveClient(folder.Open());
        await using var two = new ConclaveClient(folder.Open());
        var first = await one.Lock("nightly").AcquireAsync();

        Assert.Null(await two.Lock("nightly").TryAcquireAsync());
        var waiting = two.Lock("nightly").AcquireAsync(TimeSpan.FromSeconds(30)).AsTask();
        await first.ReleaseAsync();
        var second = await waiting;

        Assert.True(second.Token > first.Token);
        await second.ReleaseAsync();
    }

    [Fact]
    public async Task After_a_reboot_every_session_has_ended_and_tokens_rise()
    {
        using var folder = new TestFolder();
        SessionId session;
        long revision;
        await using (var before = folder.Open())
        {
            session = (await before.OpenSessionAsync(TimeSpan.FromMinutes(1))).Id;
            await before.PutAsync("held", default, session);
            revision = await before.PutAsync("stays", default);
        }

        File.WriteAllText(folder.At("incarnation"), "1 another-boot");
        await using var after = folder.Open();

        Assert.False(await after.RenewSessionAsync(session));
        Assert.Null(await after.GetAsync("held"));
        Assert.NotNull(await after.GetAsync("stays"));
        var epoch = (await after.GetAsync(StoreNames.EpochKey))!;
        Assert.Equal(1, StoreEpoch.Parse(epoch.Value.Span));
        Assert.True(epoch.Revision > revision + 1000);
    }

    [Fact]
    public async Task A_newer_format_is_refused()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.At("incarnation"), "2 whatever");
        await using var store = folder.Open();

        await Assert.ThrowsAsync<StoreFormatException>(() => store.GetAsync("a").AsTask());
    }

    [Fact]
    public async Task While_another_process_keeps_the_lock_nothing_is_applied_and_the_store_is_unavailable()
    {
        using var folder = new TestFolder();
        await using var store = folder.Open(busyTimeout: TimeSpan.FromMilliseconds(100));
        using (await folder.Files().EnterAsync(CancellationToken.None))
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => store.PutAsync("a", default).AsTask());
        }

        Assert.Null(await store.GetAsync("a"));
    }

    [Fact]
    public async Task A_commit_that_cannot_be_completed_is_unknown_and_completed_later()
    {
        using var folder = new TestFolder();
        await using var store = folder.Open(busyTimeout: TimeSpan.FromMilliseconds(100));
        await store.PutAsync("a", default);
        Directory.CreateDirectory(folder.At("entries/b.entry"));

        await Assert.ThrowsAsync<OutcomeUnknownException>(() => store.PutAsync("b", default).AsTask());
        await Assert.ThrowsAsync<StoreAccessException>(() => store.PutAsync("c", default).AsTask());
        Directory.Delete(folder.At("entries/b.entry"));

        Assert.NotNull(await store.GetAsync("b"));
        Assert.Null(await store.GetAsync("c"));
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../revision")]
    [InlineData("/etc/hostname")]
    [InlineData("")]
    public async Task A_session_id_is_never_a_path(string id)
    {
        using var folder = new TestFolder();
        await using var store = folder.Open();
        long revision = await store.PutAsync("..", default);

        Assert.False(await store.RenewSessionAsync(new(id)));
        await store.CloseSessionAsync(new(id));

        Assert.Equal(revision, (await store.GetAsync(".."))!.Revision);
    }

    [Fact]
    public async Task A_waiter_that_is_far_behind_is_woken_once()
    {
        using var folder = new TestFolder();
        await using var store = folder.Open();
        await using var other = folder.Open();
        long revision = (await store.CommitAsync(new(reads: [Read.Get("x")]))).Revision;
        for (int i = 0; i <= StoreFiles.ChangesKept; i++)
        {
            await other.PutAsync("busy", default);
        }

        long next = await store.WaitForChangeAsync("quiet", revision).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        var wait = store.WaitForChangeAsync("quiet", next).AsTask();
        await other.PutAsync("busy", default);
        await store.GetAsync("busy");

        Assert.False(wait.IsCompleted);
    }
}
