using System.Globalization;
using System.Text;
using System.Text.Json;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary><c>conclave status</c>: who holds what, since when, and who waits.</summary>
internal static class StatusCommand
{
    private const string Lock = "lock";
    private const string ReaderWriterLock = "rwlock";
    private const string Semaphore = "semaphore";
    private const string Election = "election";

    private static readonly string[] Header = ["KIND", "NAME", "HOLDER", "TOKEN", "SINCE", "WAITERS"];

    public static async Task<int> RunAsync(StatusSettings settings, Messages messages)
    {
        var time = new BootTimeProvider();
        var client = new ConclaveClient(StoreLocator.OpenToLook(settings.Global.Store), new() { TimeProvider = time });
        await using (client.ConfigureAwait(false))
        {
            bool isAbsent = StoreLocator.IsAbsent(client.Store);
            var kinds = isAbsent ? [] : await ReadAsync(client, settings.Name).ConfigureAwait(false);

            string store = $"{client.Store.Description.Engine}:{client.Store.Description.Address}";
            if (settings.Global.Json)
            {
                var document = new StatusDocument(store, Documents(kinds, Lock), Documents(kinds, ReaderWriterLock), Documents(kinds, Semaphore), Documents(kinds, Election));
                StandardStream.Out.Write(JsonSerializer.Serialize(document, CliJson.Document.StatusDocument) + "\n");
            }
            else if (kinds.Count == 0)
            {
                messages.Warn((settings.Name is null ? $"no lock, permit or leadership is held in {store}" : $"nobody holds '{settings.Name}' in {store}") + (isAbsent ? ", which is not there yet." : "."));
            }
            else
            {
                StandardStream.Out.Write(Table(kinds, withWaiters: settings.Name is not null, time));
            }

            return ExitCode.Success;
        }
    }

    private static string Table(IEnumerable<(string Kind, ClaimQueueSnapshot Queue)> kinds, bool withWaiters, TimeProvider time)
    {
        var rows = new List<string[]> { Header };
        foreach (var (kind, queue) in kinds)
        {
            // one line for each who holds it; those behind the first say no more than who that is
            rows.AddRange(queue.Holders.Select((holder, i) => new[]
            {
                kind, queue.Name, Describe.Who(holder), holder.Token.ToString(), Describe.When(holder.Since, time),
                i == 0 ? queue.Waiters.Length.ToString(CultureInfo.InvariantCulture) : "",
            }));
            if (withWaiters || queue.Holders.IsEmpty)
            {
                rows.AddRange(queue.Waiters.Select((waiter, i) => new[]
                {
                    kind, string.Create(CultureInfo.InvariantCulture, $"  waiting {i + 1}."), Describe.Who(waiter), waiter.Token.ToString(), Describe.When(waiter.Since, time), "",
                }));
            }
        }

        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(r => r[column].Length))];
        var text = new StringBuilder();
        foreach (string[] row in rows)
        {
            text.Append(string.Join("  ", row.Select((cell, column) => Messages.Printable(cell).PadRight(widths[column]))).TrimEnd()).Append('\n');
        }

        return text.ToString();
    }

    private static List<LockDocument> Documents(IEnumerable<(string Kind, ClaimQueueSnapshot Queue)> kinds, string kind) =>
    [
        .. kinds.Where(k => k.Kind == kind).Select(k => new LockDocument(
            k.Queue.Name, k.Queue.Holder is { } holder ? ContenderDocument.Of(holder) : null,
            [.. k.Queue.Holders.Select(ContenderDocument.Of)], [.. k.Queue.Waiters.Select(ContenderDocument.Of)])),
    ];

    private static async Task<List<(string Kind, ClaimQueueSnapshot Queue)>> ReadAsync(ConclaveClient client, string? name)
    {
        var kinds = new List<(string Kind, ClaimQueueSnapshot Queue)>();
        if (name is null)
        {
            await AddAsync(Lock, client.ListLocksAsync()).ConfigureAwait(false);
            await AddAsync(ReaderWriterLock, client.ListReaderWriterLocksAsync()).ConfigureAwait(false);
            await AddAsync(Semaphore, client.ListSemaphoresAsync()).ConfigureAwait(false);
            await AddAsync(Election, client.ListElectionsAsync()).ConfigureAwait(false);
        }
        else
        {
            Add(Lock, await client.Lock(name).InspectAsync().ConfigureAwait(false));
            Add(ReaderWriterLock, await client.ReaderWriterLock(name).InspectAsync().ConfigureAwait(false));
            Add(Semaphore, await client.Semaphore(name, permits: 1).InspectAsync().ConfigureAwait(false));
            Add(Election, await client.Election(name).InspectAsync().ConfigureAwait(false));
        }

        return kinds;

        async Task AddAsync(string kind, IAsyncEnumerable<ClaimQueueSnapshot> queues)
        {
            await foreach (var queue in queues.ConfigureAwait(false))
            {
                Add(kind, queue);
            }
        }

        void Add(string kind, ClaimQueueSnapshot queue)
        {
            if (!queue.Contenders.IsEmpty)
            {
                kinds.Add((kind, queue));
            }
        }
    }
}
