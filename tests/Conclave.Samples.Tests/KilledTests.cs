using Conclave.Storage;
using Conclave.Testing;

namespace Conclave.Samples.Tests;

/// <summary>A process may be killed at any instruction: its commit has then happened as a whole, or not at all.</summary>
public sealed class KilledTests
{
    [Fact]
    public async Task Killed_before_the_journal_has_its_name_the_commit_has_not_happened()
    {
        using var folder = new TestFolder();
        await using var store = folder.Open();
        long before = await store.PutAsync("a", "1"u8.ToArray());
        File.WriteAllBytes(folder.At("journal.new"), [7, 0, 0, 0, 1]);

        Assert.Equal(before, (await store.GetAsync("a"))!.Revision);

        Assert.True(await store.PutAsync("a", "2"u8.ToArray()) > before);
        Assert.False(File.Exists(folder.At("journal.new")));
    }

    [Fact]
    public async Task Killed_after_it_the_next_one_completes_the_commit_wherever_it_stood()
    {
        using var folder = new TestFolder();
        long revision;
        await using (var store = folder.Open())
        {
            revision = await store.PutAsync("gone", "1"u8.ToArray());
        }

        var changes = new StoreChanges(revision + 1);
        changes.Delete("gone");
        changes.Put(Write.Put("new", "2"u8.ToArray()), old: null);
        changes.Put(Write.Put(new string('x', 700), "3"u8.ToArray()), old: null);
        changes.Close();
        for (int done = 0; done <= changes.Files.Count; done++)
        {
            using var killed = folder.Copy();

            // what a process has done that was killed after so many files
            killed.Files().Apply(changes.Files.Take(done).ToDictionary());
            killed.Files().Announce(changes.Files);
            await using var next = killed.Open();
            var all = await next.CommitAsync(new(reads: [Read.Scan("")]));

            Assert.Equal(["new", new string('x', 700)], all.Reads[0].Select(e => e.Key));
            Assert.All(all.Reads[0], e => Assert.Equal(revision + 1, e.Revision));
            Assert.Equal(revision + 1, all.Revision);
            Assert.False(File.Exists(killed.At("journal")));
        }
    }

    [Fact]
    public async Task A_directory_whose_users_were_killed_opens_again_and_goes_on()
    {
        using var folder = new TestFolder();
        for (int round = 0; round < 4; round++)
        {
            using var kit = KitProgram.Start(keepStoresIn: folder.Path);
            int before = Stores(folder).Length;
            while (Stores(folder).Length == before)
            {
                Assert.False(kit.HasExited);
                await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
            }

            // somewhere in the middle of the kit, in the middle of a commit or not
            await Task.Delay(TimeSpan.FromMilliseconds(200 + (300 * round)), TimeProvider.System);
            Assert.False(kit.HasExited);
            kit.Kill();
            await kit.WaitForExitAsync();
        }

        foreach (string path in Stores(folder))
        {
            // the files of one commit are written one after the other, the revision last: half a commit would show here
            await using var store = new DirectoryStore(new() { Path = path, TimeProvider = new ManualTimeProvider() });
            var all = await store.CommitAsync(new(reads: [Read.Scan("")]));
            Assert.All(all.Reads[0], e => Assert.InRange(e.Revision, e.CreateRevision, all.Revision));
            Assert.True(await store.PutAsync("on", default) > all.Revision);
        }
    }

    private static string[] Stores(TestFolder folder) =>
        [.. Directory.GetDirectories(folder.At("kept")).Where(d => File.Exists(Path.Combine(d, "incarnation")))];
}
