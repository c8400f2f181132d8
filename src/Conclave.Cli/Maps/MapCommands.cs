using System.Globalization;
using System.Text;
using System.Text.Unicode;
using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary><c>conclave map get</c>, <c>set</c>, <c>delete</c>, <c>list</c> and <c>watch</c>: the data on stdout, nothing else.</summary>
internal static class MapCommands
{
    public static async Task<int> GetAsync(MapSettings settings, string key, Messages messages)
    {
        var client = Looking.Client(settings.Global);
        await using (client.ConfigureAwait(false))
        {
            var map = settings.Of(client);
            if (Looking.IsAbsent(client, messages))
            {
                return ExitCode.NotAcquired;
            }

            var entry = await OrRefusedAsync(() => map.GetAsync(key)).ConfigureAwait(false);
            if (entry is null)
            {
                messages.Warn($"there is no key '{key}' in the map '{settings.Name}'.");
                return ExitCode.NotAcquired;
            }

            StandardStream.Out.Write((settings.Global.Json ? MapLine.Format(entry, withRevision: true) : Value(settings, entry)) + "\n");
            return ExitCode.Success;
        }
    }

    /// <param name="settings">What was asked for.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; <c>-</c> reads it from stdin.</param>
    /// <param name="revision">What the revision must be, 0 for absent; null sets whatever is there.</param>
    /// <param name="messages">Where to tell that it was not as expected.</param>
    public static async Task<int> SetAsync(MapSettings settings, string key, string value, long? revision, Messages messages)
    {
        byte[] bytes = value == "-" ? await ReadAllAsync().ConfigureAwait(false) : Encoding.UTF8.GetBytes(value);
        if (!Utf8.IsValid(bytes))
        {
            throw new CliException(ExitCode.BadInput, "what was read from stdin is no UTF-8; nothing was changed.");
        }

        bytes = settings.IsText ? MapLine.Quote(Encoding.UTF8.GetString(bytes))
            : MapLine.WhyRefused(bytes) is { } wrong ? throw CliException.Usage(wrong)
            : bytes;
        var client = Looking.ChangingClient(settings.Global, messages);
        await using (client.ConfigureAwait(false))
        {
            StoreLocator.WarnAboutReach(client.Store, messages);
            var map = settings.Of(client);
            long? set = await OrRefusedAsync(async () => revision is { } expected
                ? await map.TrySetAsync(key, bytes, expected).ConfigureAwait(false)
                : await map.SetAsync(key, bytes).ConfigureAwait(false)).ConfigureAwait(false);
            return Told(settings, key, set, messages);
        }
    }

    public static async Task<int> DeleteAsync(MapSettings settings, string key, long? revision, Messages messages)
    {
        var client = Looking.Client(settings.Global, messages);
        await using (client.ConfigureAwait(false))
        {
            var map = settings.Of(client);
            if (Looking.IsAbsent(client, messages))
            {
                return ExitCode.NotAcquired;
            }

            bool deleted = await OrRefusedAsync(() =>
                revision is { } expected ? map.TryDeleteAsync(key, expected) : map.DeleteAsync(key)).ConfigureAwait(false);
            if (!deleted)
            {
                messages.Warn($"{(revision is null ? $"there is no key '{key}'" : $"the key '{key}' is not at revision {revision}")} in the map '{settings.Name}'; nothing was changed.");
            }

            return deleted ? ExitCode.Success : ExitCode.NotAcquired;
        }
    }

    public static async Task<int> ListAsync(MapSettings settings, string? after, Messages messages)
    {
        var client = Looking.Client(settings.Global);
        await using (client.ConfigureAwait(false))
        {
            if (!Looking.IsAbsent(client, messages))
            {
                var output = new BufferedOutput();
                await foreach (var entry in Entries(settings.Of(client), after).ConfigureAwait(false))
                {
                    output.Line(settings.Global.Json ? MapLine.Format(entry, withRevision: true) : Messages.Printable($"{MapLine.Key(entry)}  {Value(settings, entry)}"));
                }

                output.Flush();
            }

            return ExitCode.Success;
        }
    }

    public static Task<int> WatchAsync(MapSettings settings, string? key, Messages messages) => Looking.WatchAsync(settings.Global, messages, async (client, time, cancellationToken) =>
    {
        var map = settings.Of(client);
        if (key is null)
        {
            await foreach (var change in map.ObserveAsync(cancellationToken).ConfigureAwait(false))
            {
                Tell(change.Entry, () => change.Key, change.Revision, change.StoreKey);
            }
        }
        else
        {
            await foreach (var entry in OrRefused(() => map.ObserveAsync(key, cancellationToken)).ConfigureAwait(false))
            {
                Tell(entry, () => key, entry?.Revision, "");
            }
        }

        void Tell(MapEntry<string, byte[]>? entry, Func<string> name, long? revision, string storeKey)
        {
            StandardStream.Out.Write(settings.Global.Json
                ? MapLine.Format(entry, name, storeKey, revision, time.GetUtcNow()) + "\n"
                : Messages.Printable(
                    $"{Describe.When(time.GetUtcNow(), time)}  {(entry is null ? "absent" : "set   ")}  {MapLine.Key(name, storeKey)}{(entry is null ? "" : "  " + Value(settings, entry))}") + "\n");
        }
    });

    /// <summary>All entries, or those behind a key.</summary>
    public static IAsyncEnumerable<MapEntry<string, byte[]>> Entries(DistributedMap<string, byte[]> map, string? after, CancellationToken cancellationToken = default) =>
        after is null ? map.EnumerateAsync(cancellationToken) : OrRefused(() => map.EnumerateAfterAsync(after, cancellationToken));

    /// <summary>What the map refuses is wrong usage.</summary>
    public static async Task<T> OrRefusedAsync<T>(Func<ValueTask<T>> call)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (ArgumentException e)
        {
            throw Refused(e);
        }
    }

    private static T OrRefused<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (ArgumentException e)
        {
            throw Refused(e);
        }
    }

    // without the name of our parameter
    private static CliException Refused(ArgumentException e) =>
        CliException.Usage(e.Message.Split(" (Parameter", 2)[0] is var text && text.Length > 0 ? char.ToLowerInvariant(text[0]) + text[1..] : e.Message);

    private static int Told(MapSettings settings, string key, long? revision, Messages messages)
    {
        if (revision is null)
        {
            messages.Warn($"the key '{key}' of the map '{settings.Name}' is not at the expected revision; nothing was changed.");
            return ExitCode.NotAcquired;
        }

        StandardStream.Out.Write(revision.Value.ToString(CultureInfo.InvariantCulture) + "\n");
        return ExitCode.Success;
    }

    private static string Value(MapSettings settings, MapEntry<string, byte[]> entry) =>
        settings.IsText && MapLine.Text(entry.Value) is { } text ? text : MapLine.Value(entry.Value);

    private static async Task<byte[]> ReadAllAsync()
    {
        using var bytes = new MemoryStream();
        var input = Console.OpenStandardInput();
        await using (input.ConfigureAwait(false))
        {
            await input.CopyToAsync(bytes).ConfigureAwait(false);
        }

        return bytes.ToArray();
    }
}
