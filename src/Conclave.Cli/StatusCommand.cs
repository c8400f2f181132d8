using System.Globalization;
using System.Text;
using System.Text.Json;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary><c>conclave status</c>: who holds what, since when, and who waits.</summary>
internal static class StatusCommand
{
    private static readonly string[] Header = ["NAME", "HOLDER", "TOKEN", "SINCE", "WAITERS"];

    public static async Task<int> RunAsync(StatusSettings settings, Messages messages)
    {
        var time = new BootTimeProvider();
        var client = new ConclaveClient(StoreLocator.OpenToLook(settings.Global.Store), new() { TimeProvider = time });
        await using (client.ConfigureAwait(false))
        {
            var queues = new List<ClaimQueueSnapshot>();
            if (!StoreLocator.IsAbsent(client.Store))
            {
                await ReadAsync(client, settings.Name, queues).ConfigureAwait(false);
            }

            string store = $"{client.Store.Description.Engine}:{client.Store.Description.Address}";
            if (settings.Global.Json)
            {
                var locks = queues.Select(q => new LockDocument(
                    q.Name, q.Holder is { } holder ? ContenderDocument.Of(holder) : null, [.. q.Waiters.Select(ContenderDocument.Of)]));
                StandardStream.Out.Write(JsonSerializer.Serialize(new StatusDocument(store, [.. locks]), CliJson.Document.StatusDocument) + "\n");
            }
            else if (queues.Count == 0)
            {
                messages.Warn(settings.Name is null ? $"no locks are held in {store}." : $"nobody holds the lock '{settings.Name}' in {store}.");
            }
            else
            {
                StandardStream.Out.Write(Table(queues, withWaiters: settings.Name is not null, time));
            }

            return ExitCode.Success;
        }
    }

    internal static string Table(IEnumerable<ClaimQueueSnapshot> queues, bool withWaiters, TimeProvider time)
    {
        var rows = new List<string[]> { Header };
        foreach (var queue in queues)
        {
            var holder = queue.Holder!;
            rows.Add([queue.Name, Describe.Who(holder), holder.Token.ToString(), Describe.When(holder.Since, time),
                queue.Waiters.Length.ToString(CultureInfo.InvariantCulture)]);
            if (withWaiters)
            {
                rows.AddRange(queue.Waiters.Select((waiter, i) => new[]
                {
                    string.Create(CultureInfo.InvariantCulture, $"  waiting {i + 1}."), Describe.Who(waiter), waiter.Token.ToString(), Describe.When(waiter.Since, time), "",
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

    private static async Task ReadAsync(ConclaveClient client, string? name, List<ClaimQueueSnapshot> queues)
    {
        if (name is null)
        {
            await foreach (var queue in client.ListLocksAsync().ConfigureAwait(false))
            {
                queues.Add(queue);
            }
        }
        else if (await client.Lock(name).InspectAsync().ConfigureAwait(false) is { Holder: not null } queue)
        {
            queues.Add(queue);
        }
    }
}
