using Conclave.Cli.Output;
using Conclave.Cli.Processes;

namespace Conclave.Cli;

/// <summary><c>conclave map export</c> and <c>import</c>: JSON Lines, and how far it is on stderr.</summary>
internal static class MapTransfer
{
    // as many round trips at a time; each line of a batch has a key of its own
    private const int Batch = 32;

    public static async Task<int> ExportAsync(MapSettings settings, string? after, Messages messages)
    {
        using var signals = new SignalRelay();
        var client = Looking.Client(settings.Global);
        await using (client.ConfigureAwait(false))
        {
            if (Looking.IsAbsent(client, messages))
            {
                return ExitCode.Success;
            }

            var output = new BufferedOutput();
            var progress = new TransferProgress(messages, TimeProvider.System);
            long count = 0;
            long foreign = 0;
            string? last = after;
            try
            {
                await foreach (var entry in MapCommands.Entries(settings.Of(client), after, signals.Interrupted).ConfigureAwait(false))
                {
                    output.Line(MapLine.Format(entry, withRevision: false));
                    count++;
                    last = MapLine.Key(entry);
                    foreign += ReferenceEquals(last, entry.StoreKey) ? 1 : 0;
                    progress.Show($"{count:N0} entries exported");
                }

                output.Flush();
                progress.End($"{count:N0} entries exported.");
                if (foreign > 0)
                {
                    messages.Warn(
                        $"{foreign:N0} of them have a \"storeKey\" instead of a \"key\", and cannot be imported: their keys are no keys of such a map"
                        + $" (try {(settings.HasIntegerKeys ? "without" : "with")} --integer-keys).");
                }

                return ExitCode.Success;
            }
            catch (OperationCanceledException) when (signals.Received != 0)
            {
                output.Flush();
                progress.End($"{count:N0} entries exported, then interrupted{(last is null ? "" : $"; go on with --after '{last}'")}.");
                return ExitCode.OfSignal(signals.Received);
            }
            catch (ConclaveException) when (count > 0)
            {
                output.Flush();
                progress.End($"{count:N0} entries exported; go on with --after '{last}'.");
                throw;
            }
        }
    }

    public static async Task<int> ImportAsync(MapSettings settings, long fromLine, Messages messages)
    {
        using var signals = new SignalRelay();
        var client = Looking.ChangingClient(settings.Global, messages);
        await using (client.ConfigureAwait(false))
        {
            StoreLocator.WarnAboutReach(client.Store, messages);
            var import = new Import(settings, settings.Of(client), messages);
            var input = Console.OpenStandardInput();
            await using (input.ConfigureAwait(false))
            {
                return await import.RunAsync(input, fromLine, signals).ConfigureAwait(false);
            }
        }
    }

    /// <summary>One import: lines in batches of different keys, each batch at once, one after the other.</summary>
    private sealed class Import(MapSettings settings, DistributedMap<string, byte[]> map, Messages messages)
    {
        private readonly TransferProgress _progress = new(messages, TimeProvider.System);
        private readonly Dictionary<string, (long Line, byte[] Value)> _batch = new(StringComparer.Ordinal);
        private long _done;
        private long _read;
        private long _set;
        private long _same;

        public async Task<int> RunAsync(Stream input, long fromLine, SignalRelay signals)
        {
            _done = fromLine - 1;
            try
            {
                await foreach (var line in InputLines.ReadAsync(input, signals.Interrupted).ConfigureAwait(false))
                {
                    if (++_read >= fromLine && !line.Span.Trim(" \t\r"u8).IsEmpty)
                    {
                        await AddAsync(line, signals.Interrupted).ConfigureAwait(false);
                    }
                }

                if (_read < fromLine - 1)
                {
                    throw new CliException(ExitCode.BadInput, $"the input ends with line {_read:N0}: there is nothing from line {fromLine:N0} on. Nothing was imported.");
                }

                await WriteAsync(_read, signals.Interrupted).ConfigureAwait(false);
                _progress.End($"{Told()}.");
                return ExitCode.Success;
            }
            catch (OperationCanceledException) when (signals.Received != 0)
            {
                _progress.End($"{Told()}, then interrupted. {GoOn()}");
                return ExitCode.OfSignal(signals.Received);
            }
            catch (ConclaveException)
            {
                _progress.End($"{Told()}. {GoOn()}");
                throw;
            }
        }

        private async Task AddAsync(ReadOnlyMemory<byte> line, CancellationToken cancellationToken)
        {
            if (MapLine.TryRead(line, settings.HasIntegerKeys, out string key, out byte[] value) is { } wrong)
            {
                await WriteAsync(_read - 1, cancellationToken).ConfigureAwait(false);
                throw BadLine(_read, wrong);
            }

            if (_batch.Count == Batch || _batch.ContainsKey(key))
            {
                await WriteAsync(_read - 1, cancellationToken).ConfigureAwait(false);
            }

            _batch.Add(key, (_read, value));
        }

        /// <summary>Writes what was read; all lines up to this one are done then.</summary>
        private async Task WriteAsync(long upTo, CancellationToken cancellationToken)
        {
            await Task.WhenAll(_batch.Select(e => WriteAsync(e.Value.Line, e.Key, e.Value.Value, cancellationToken))).ConfigureAwait(false);
            _batch.Clear();
            _done = Math.Max(_done, upTo);
            _progress.Show(Told());
        }

        private async Task WriteAsync(long line, string key, byte[] value, CancellationToken cancellationToken)
        {
            bool changed = false;
            try
            {
                // what is there already is not written: an import that was ended is run again
                _ = await map.UpdateAsync(
                    key,
                    now =>
                    {
                        changed = now is null || !now.AsSpan().SequenceEqual(value);
                        return value;
                    },
                    cancellationToken).ConfigureAwait(false);
            }
            catch (ArgumentException e)
            {
                throw BadLine(line, e.Message.Split(" (Parameter", 2)[0]);
            }
            catch (CliException e)
            {
                throw BadLine(line, e.Message);
            }

            _ = Interlocked.Increment(ref changed ? ref _set : ref _same);
        }

        private CliException BadLine(long line, string wrong) => new(
            ExitCode.BadInput, $"line {line} is refused: {wrong.TrimEnd('.')}. {Told()}. Put it right first. {GoOn()}");

        private string Told() => $"{_set:N0} entries imported, {_same:N0} were there already";

        private string GoOn() => _done == 0
            ? "Import again from the beginning."
            : $"All lines before {_done + 1} are done: go on with --from-line {_done + 1}, or from the beginning, which writes nothing twice.";
    }
}
